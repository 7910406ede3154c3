/** `cloudskin agent`: the process of a site that hosts cells. */
import { type Command, Option } from 'commander';
import { type AgentFlags, collectLabel, collectTrusted } from '../cluster/agent/agent-options.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';
import { METRICS, TRACE_EVERY, TRACES } from '../observe/flags.ts';

export const agent: CommandModule = {
  name: 'agent',
  define(program: Command, { version }: Invocation, finish: (status: number) => void): void {
    program
      .command('agent')
      .description('host cells on this machine, as part of a site, until stopped')
      .requiredOption('--site <name>', 'the site that this machine is part of')
      .addOption(
        new Option('--tier <tier>', 'where the site is; agents of the cloud stand beside the central NATS server')
          .choices(['edge', 'cloud'])
          .makeOptionMandatory(),
      )
      .option('--name <name>', 'this agent, where a site has several; remembered in the data directory')
      .option('--label <label>', 'what graphs may place by: name or name=value; may be repeated', collectLabel, [])
      .option('--nats <url>', 'the NATS server beside it, or several, separated by commas; CLOUDSKIN_NATS')
      .option('--creds <file>', 'credentials for it; CLOUDSKIN_CREDS')
      .option('--ca <file>', 'the authority behind its certificate; CLOUDSKIN_CA')
      .option('--workers <n>', 'threads that run cells; one less than there are cores unless given')
      .option('--data <dir>', 'what it must remember; ~/.cloudskin/agents/SITE, with --name SITE.NAME, unless given')
      .option(
        '--trust <key>',
        'run only what this public key signed (deploy --sign); may be repeated',
        collectTrusted,
        [],
      )
      .option('--key-file <file>', 'encrypt checkpoints with its key: 32 bytes, or as hexadecimal digits')
      .option(
        '--replicas <n>',
        'copies of documents, checkpoints and durable streams, on a cluster of NATS servers; of new ones three where it has as many, unless given',
      )
      .option(
        '--leave-within <duration>',
        'on SIGTERM, how long others have to take over what it runs before it stops; 0s: none. Ctrl-C stops in place',
        '2.5s',
      )
      .option(...METRICS)
      .option(...TRACES)
      .option(...TRACE_EVERY)
      .addOption(
        new Option('--log-level <level>', 'the least that is logged')
          .choices(['debug', 'info', 'warn', 'error'])
          .default('info'),
      )
      .addHelpText(
        'after',
        examples(
          ['cloudskin agent --site hub --tier cloud', 'beside a NATS server of this machine'],
          ['cloudskin agent --site plant-7 --tier edge --nats nats://10.0.7.2', 'beside the leaf node of a plant'],
          ['cloudskin agent --site plant-7 --tier edge --name b --data /var/lib/cs-b', 'a second one there'],
        ),
      )
      .action(async (flags: AgentFlags) => {
        const { runAgent } = await import('../cluster/agent/agent-process.ts');
        finish(await runAgent(flags, version));
      });
  },
};

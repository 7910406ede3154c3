/** `cloudskin up`: a whole continuum on this machine, to try things out. */
import type { Command } from 'commander';
import type { UpOptions } from '../cluster/up.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const up: CommandModule = {
  name: 'up',
  define(program: Command, { terminal }: Invocation): void {
    program
      .command('up')
      .description('start a continuum on this machine: two NATS servers, an agent of the cloud, one of an edge')
      .option('--nats-server <path>', 'the nats-server to use; CLOUDSKIN_NATS_SERVER, or the one on the path')
      .option('--port <n>', 'of the central server; another one where it is taken', '4222')
      .option('--workers <n>', 'threads of each agent')
      .option('--auth', 'with credentials, permissions and TLS, as cloudskin auth makes them')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin up', 'start it; what it writes is below ~/.cloudskin/up'],
          ['cloudskin deploy graph.yaml', 'then run a graph on it'],
          ['cloudskin down', 'stop it again'],
        ),
      )
      .action(async (options: UpOptions & { readonly json?: boolean }) => {
        const [{ startContinuum }, { Progress }] = await Promise.all([
          import('../cluster/up.ts'),
          import('../cluster/progress.ts'),
        ]);
        const progress = new Progress(terminal, options.json);
        try {
          const state = await startContinuum(options, progress);
          progress.end();
          if (options.json === true) return await terminal.out(`${JSON.stringify(state)}\n`);
          const lines = [
            `up: site cloud at ${state.hub}, site edge at ${state.leaf}`,
            'next: cloudskin deploy GRAPH, cloudskin status, cloudskin down',
          ];
          await terminal.out(`${lines.join('\n')}\n`);
        } finally {
          progress.end();
        }
      });
  },
};

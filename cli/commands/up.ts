/** `cloudskin up`: a whole continuum on this machine, to try things out. */
import process from 'node:process';
import type { Command } from 'commander';
import type { UpState } from '../cluster/up/home.ts';
import type { MovedPort, UpOptions } from '../cluster/up/up.ts';
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
      .option('--watch', 'stay, and start again whatever ends, until Ctrl-C')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin up', 'start it; what it writes is below ~/.cloudskin/up'],
          ['cloudskin up', 'again, after something of it has ended: starts that'],
          ['cloudskin deploy graph.yaml', 'then run a graph on it'],
          ['cloudskin down', 'stop it again'],
        ),
      )
      .action(async (options: UpOptions & { readonly json?: boolean }) => {
        const [{ startContinuum }, { watchContinuum }, { Progress }] = await Promise.all([
          import('../cluster/up/up.ts'),
          import('../cluster/up/up-repair.ts'),
          import('../output/progress.ts'),
        ]);
        const progress = new Progress(terminal, options.json);
        try {
          const { state, started, moved = [] } = await startContinuum(options, progress);
          progress.end();
          if (options.json === true)
            await terminal.out(`${JSON.stringify(moved.length === 0 ? state : { ...state, moved })}\n`);
          else await terminal.out(upText(state, started, moved));
          if (options.watch !== true) return;
          const over = new AbortController();
          process.once('SIGINT', () => over.abort()).once('SIGTERM', () => over.abort());
          await watchContinuum(progress, over.signal, (names) => terminal.out(`started again: ${names.join(', ')}\n`));
        } finally {
          progress.end();
        }
      });
  },
};

function upText({ hub, leaf }: UpState, started: readonly string[] | undefined, moved: readonly MovedPort[]): string {
  const again = started === undefined || started.length === 0 ? [] : [`started again: ${started.join(', ')}`];
  const where = `up: site cloud at ${hub}, site edge at ${leaf}`;
  const servers = { hub: 'central server', leaf: 'server of the edge' };
  const instead = moved.map(({ server, wanted, port }) => {
    return `port ${wanted} is taken: the ${servers[server]} uses ${port} instead`;
  });
  return `${[...again, ...instead, where, 'next: cloudskin deploy GRAPH, cloudskin status, cloudskin down'].join('\n')}\n`;
}

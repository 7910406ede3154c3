/** `cloudskin deploy GRAPH`: has a graph run by the agents of a cluster. */
import { type Command, Option } from 'commander';
import { clusterCommand } from '../cluster/connect.ts';
import type { DeployFlags } from '../cluster/deploy.ts';
import { type CommandModule, examples, graphCommand, type Invocation } from '../command.ts';

export const deploy: CommandModule = {
  name: 'deploy',
  define(program: Command, { terminal }: Invocation): void {
    clusterCommand(graphCommand(program, 'deploy'))
      .description('have a graph run by the agents of a cluster; again, to change it')
      .option('-n, --namespace <name>', "the namespace to run it in; the graph's own unless given")
      .option(
        '--drop-state',
        'begin without the state of what was deployed under this name before; sinks that go show first what they wrote',
      )
      .option('--drop-state-of <names>', 'let go of the state of these nodes, which are not in the graph any more')
      .addOption(
        new Option('--wait <what>', 'until every cell runs and every stream is connected, or until rows come out')
          .choices(['running', 'rows', 'none'])
          .default('running'),
      )
      .option('--sign <file>', 'sign it by the nkey in this file, for agents that trust only signed plans')
      .option('--timeout <duration>', 'how long to wait', '60s')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin deploy graph.yaml', 'returns when all of it runs, or says what does not'],
          ['cloudskin deploy graph.yaml --wait rows', 'when the first rows have come out'],
          ['cloudskin deploy graph.yaml -p READINGS=/data/a.csv', 'with another input'],
        ),
      )
      .action(async (graph: string, flags: DeployFlags) => {
        const { deployGraph } = await import('../cluster/deploy.ts');
        await deployGraph(graph, flags, terminal);
      });
  },
};

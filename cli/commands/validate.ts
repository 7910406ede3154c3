/** `cloudskin validate GRAPH`: everything that is wrong with a graph, without running it. */
import type { Command } from 'commander';
import type { AgentInfo } from '../../engine/compile/distribute.ts';
import { type CommandModule, examples, graphCommand, type Invocation, type Parameters } from '../command.ts';
import { collectSites } from '../explain/sites.ts';
import { plural } from '../output/figures.ts';

interface ValidateOptions {
  readonly param: Parameters;
  readonly json?: boolean;
  readonly sites: readonly AgentInfo[];
}

export const validate: CommandModule = {
  name: 'validate',
  define(program: Command, { terminal }: Invocation): void {
    graphCommand(program, 'validate')
      .description('check a graph without running it; exit status 2 when it has errors')
      .option('--json', 'print one JSON object')
      .option(
        '--sites <sites>',
        'also whether it can be placed on these: name:edge, name:cloud:gpu, ...',
        collectSites,
        [],
      )
      .addHelpText(
        'after',
        examples(
          ['cloudskin validate graph.yaml', 'problems with their places, or "valid"'],
          ['cloudskin validate graph.yaml --json', 'for programs'],
          ['cloudskin validate graph.yaml --sites plant:edge,hub:cloud', 'with where it is to run'],
        ),
      )
      .action(async (graph: string, options: ValidateOptions) => {
        const { loadGraph } = await import('../run/load.ts');
        const { plan } = await loadGraph(graph, options.param, terminal, { warn: options.json !== true });
        const { distributedOn } = await import('../explain/distributed.ts');
        const placed = distributedOn(plan.graph, options.sites);
        const { name, sources, operators, sinks, warnings } = plan.graph;
        const numbers = {
          sources: sources.length,
          operators: operators.length,
          cells: plan.cells.length,
          sinks: sinks.length,
          ...(placed === undefined ? {} : { fragments: placed.fragments.length }),
        };
        const operatorsText = `${plural(numbers.operators, 'operator')} in ${plural(numbers.cells, 'cell')}`;
        const counts = `${plural(numbers.sources, 'source')}, ${operatorsText}, ${plural(numbers.sinks, 'sink')}`;
        if (options.json === true)
          await terminal.out(`${JSON.stringify({ valid: true, name, ...numbers, warnings })}\n`);
        else
          await terminal.out(
            `${name} is valid: ${counts}${placed === undefined ? '' : `, ${plural(placed.fragments.length, 'fragment')}`}\n`,
          );
      });
  },
};

/** `cloudskin validate GRAPH`: everything that is wrong with a graph, without running it. */
import type { Command } from 'commander';
import { type CommandModule, examples, graphCommand, type Invocation, type Parameters } from '../command.ts';
import { plural } from '../figures.ts';

interface ValidateOptions {
  readonly param: Parameters;
  readonly json?: boolean;
}

export const validate: CommandModule = {
  name: 'validate',
  define(program: Command, { terminal }: Invocation): void {
    graphCommand(program, 'validate')
      .description('check a graph without running it; exit status 2 when it has errors')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin validate graph.yaml', 'problems with their places, or "valid"'],
          ['cloudskin validate graph.yaml --json', 'for programs'],
        ),
      )
      .action(async (graph: string, options: ValidateOptions) => {
        const { loadGraph } = await import('../load.ts');
        const { plan } = await loadGraph(graph, options.param, terminal, { warn: options.json !== true });
        const { name, sources, operators, sinks, warnings } = plan.logical;
        const numbers = {
          sources: sources.length,
          operators: operators.length,
          cells: plan.cells.length,
          sinks: sinks.length,
        };
        const operatorsText = `${plural(numbers.operators, 'operator')} in ${plural(numbers.cells, 'cell')}`;
        const counts = `${plural(numbers.sources, 'source')}, ${operatorsText}, ${plural(numbers.sinks, 'sink')}`;
        if (options.json === true)
          await terminal.out(`${JSON.stringify({ valid: true, name, ...numbers, warnings })}\n`);
        else await terminal.out(`${name} is valid: ${counts}\n`);
      });
  },
};

/**
 * `cloudskin explain GRAPH`: which cells a graph becomes, what each does, how streams are carried, what each path guarantees, and the code of a cell. With
 * `--sites` also which fragments run where, and what goes between them.
 */
import type { Command } from 'commander';
import type { PhysicalPlan } from '../../engine/compile/cell-plan.ts';
import type { AgentInfo } from '../../engine/compile/distribute.ts';
import { userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';
import { type CommandModule, examples, graphCommand, type Invocation, type Parameters } from '../command.ts';
import { collectSites } from '../explain/sites.ts';

interface ExplainOptions {
  readonly param: Parameters;
  readonly json?: boolean;
  readonly mermaid?: boolean;
  readonly wat?: string;
  readonly sites: readonly AgentInfo[];
}

export const explain: CommandModule = {
  name: 'explain',
  define(program: Command, { terminal }: Invocation): void {
    graphCommand(program, 'explain')
      .description('show the cells that a graph becomes and how its streams are carried')
      .option('--json', 'print one JSON object')
      .option('--mermaid', 'print a Mermaid flowchart')
      .option('--sites <sites>', 'place it on these sites: name:edge, name:cloud:gpu:workers=4, ...', collectSites, [])
      .option('--wat <cell>', 'print the generated Wasm of a compiled cell, as text')
      .addHelpText(
        'after',
        examples(
          ['cloudskin explain graph.yaml', 'cells, steps, schemas, streams'],
          ['cloudskin explain graph.yaml --wat valid+minutes', 'the code of one cell'],
          ['cloudskin explain graph.yaml --mermaid', 'a diagram for Markdown'],
          ['cloudskin explain graph.yaml --sites plant:edge,hub:cloud', 'where each part would run'],
        ),
      )
      .action(async (graph: string, options: ExplainOptions) => {
        const { loadGraph } = await import('../run/load.ts');
        const { plan } = await loadGraph(graph, options.param, terminal, { warn: true });
        await terminal.out(await explanation(plan, options, terminal.outColor));
      });
  },
};

async function explanation(plan: PhysicalPlan, options: ExplainOptions, color: boolean): Promise<string> {
  if (options.wat !== undefined) return watOf(plan, options.wat);
  const [{ describePlan }, { distributedOn }] = await Promise.all([
    import('../explain/describe.ts'),
    import('../explain/distributed.ts'),
  ]);
  const described = describePlan(plan, distributedOn(plan.graph, options.sites));
  if (options.json === true) return `${JSON.stringify(described)}\n`;
  if (options.mermaid === true) {
    if (described.places !== undefined)
      return (await import('../explain/mermaid-places.ts')).mermaidPlaces(described.places);
    return (await import('../explain/mermaid.ts')).mermaidChart(described);
  }
  return (await import('../explain/text.ts')).explanationText(described, color);
}

async function watOf(plan: PhysicalPlan, name: string): Promise<string> {
  const compiled = plan.cells.filter((cell) => cell.kind === 'compiled');
  const cell = compiled.find(
    (candidate) => candidate.name === name || candidate.operators.some((one) => one.name === name),
  );
  if (cell === undefined) {
    const names = compiled.map((candidate) => candidate.name);
    const near = suggest(name, names);
    throw userError('explain.unknown-cell', `there is no compiled cell '${name}'`, {
      hint: near === undefined ? `compiled cells: ${names.join(', ') || 'none'}` : `did you mean ${near}?`,
    });
  }
  const { watText } = await import('../../engine/cell/compiled-module.ts');
  return watText(cell);
}

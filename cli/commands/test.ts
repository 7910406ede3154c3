/** `cloudskin test GRAPH`: runs a graph on the fixtures in `tests/` beside it and compares what it yields. */

import { basename } from 'node:path';
import type { Command } from 'commander';
import { defined } from '../../engine/defined.ts';
import { CloudskinError, userError } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import {
  type CommandModule,
  EXIT_FAILED,
  examples,
  graphCommand,
  type Invocation,
  type Parameters,
} from '../command.ts';
import { paint } from '../output/paint.ts';
import { describeError } from '../output/report.ts';
import type { Terminal } from '../output/terminal.ts';
import type { CaseResult } from '../testing/run-case.ts';

interface TestOptions {
  readonly param: Parameters;
  readonly case?: string;
  readonly update?: boolean;
  readonly json?: boolean;
}

interface Failure {
  readonly name: string;
  readonly passed: false;
  readonly error: ReturnType<typeof describeError>;
}

export const test: CommandModule = {
  name: 'test',
  define(program: Command, { terminal }: Invocation, finish: (status: number) => void): void {
    graphCommand(program, 'test')
      .description('run a graph on the fixtures in tests/ beside it and compare what it yields')
      .option('-c, --case <name>', 'only this case')
      .option('--update', 'write what the graph yields as the expected output')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `${examples(
          ['cloudskin test graph.yaml', 'all cases'],
          ['cloudskin test graph.yaml --case late-reading', 'one of them'],
          ['cloudskin test graph.yaml --update', 'accept what it yields now'],
        )}
A case is a directory:
  tests/CASE/input/SOURCE.csv          read instead of what SOURCE names
  tests/CASE/expected/OPERATOR.ndjson  what OPERATOR, a port such as minutes.late, or a sink must yield
  tests/CASE/test.yaml                 optional: { parameters: {}, order: any | exact, tolerance: 1e-9 }
`,
      )
      .action(async (graph: string, options: TestOptions) => {
        const results = await runAll(graph, options, terminal);
        if (options.json === true) await terminal.out(`${JSON.stringify({ results })}\n`);
        else await terminal.out(resultsText(results, terminal.outColor));
        finish(results.every((result) => result.passed) ? 0 : EXIT_FAILED);
      });
  },
};

async function runAll(graph: string, options: TestOptions, terminal: Terminal): Promise<(CaseResult | Failure)[]> {
  const { findCases, readCase } = await import('../testing/cases.ts');
  const { runCase } = await import('../testing/run-case.ts');
  const results: (CaseResult | Failure)[] = [];
  for (const directory of chosen(findCases(graph), options.case)) {
    try {
      const testCase = readCase(directory);
      results.push(await runCase(graph, testCase, options.param, { terminal, update: options.update === true }));
    } catch (error) {
      // What is wrong with the graph itself, or in a test.yaml, is told once and with its places; a case's own mistake fails that case.
      if (error instanceof CloudskinError && error.problems.length > 0) throw error;
      results.push({ name: basename(directory), passed: false, error: describeError(error) });
    }
  }
  return results;
}

function chosen(directories: readonly string[], name: string | undefined): readonly string[] {
  if (name === undefined) return directories;
  const found = directories.filter((directory) => basename(directory) === name);
  if (found.length > 0) return found;
  const names = directories.map((directory) => basename(directory));
  const hint = didYouMean(name, names);
  throw userError('test.unknown-case', `there is no case '${name}'`, defined({ hint }));
}

function resultsText(results: readonly (CaseResult | Failure)[], color: boolean): string {
  const blocks = results.map((result) => {
    const mark = result.passed ? paint('passed', 'green', color) : paint('failed', 'red', color);
    return [
      `${mark}  ${result.name}${'updated' in result && result.updated ? ' (updated)' : ''}`,
      ...detail(result, color),
    ].join('\n');
  });
  const failed = results.filter((result) => !result.passed).length;
  return `${blocks.join('\n')}\n${results.length - failed} passed, ${failed} failed\n`;
}

function detail(result: CaseResult | Failure, color: boolean): string[] {
  if ('error' in result) {
    const { code, message, hint } = result.error;
    return [`        ${code}: ${message}`, ...(hint === undefined ? [] : [`        ${hint}`])];
  }
  return result.differences.flatMap(({ output, difference }) => {
    const { counts, missing, unexpected } = difference;
    return [
      `        ${output}: ${counts.missing} rows missing, ${counts.unexpected} not expected`,
      ...missing.map((row) => paint(`        - ${row}`, 'red', color)),
      ...unexpected.map((row) => paint(`        + ${row}`, 'green', color)),
    ];
  });
}

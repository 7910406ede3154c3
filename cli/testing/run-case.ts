/**
 * Runs one test case: the graph's own plan, with sources reading fixtures and every sink replaced by files of what is expected of
 * it, in a directory that is removed afterwards.
 */

import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileSinkOptions, fileSourceOptions } from '../../connectors/file/options.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import {
  ERRORS_SCHEMA,
  type LogicalPlan,
  type SinkNode,
  type SourceNode,
  type StreamRef,
} from '../../engine/graph/plan.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import type { Parameters } from '../command.ts';
import type { Terminal } from '../output/terminal.ts';
import { deploy, loadGraph } from '../run/load.ts';
import { parametersOf, type TestCase } from './cases.ts';
import { compareRows, type Difference } from './compare.ts';

export interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  readonly updated: boolean;
  readonly differences: readonly { readonly output: string; readonly difference: Difference }[];
}

export async function runCase(
  graph: string,
  testCase: TestCase,
  given: Parameters,
  options: { readonly terminal: Terminal; readonly update: boolean },
): Promise<CaseResult> {
  const directory = mkdtempSync(join(tmpdir(), 'cloudskin-test-'));
  try {
    const adapt = (plan: LogicalPlan): LogicalPlan => underTest(plan, testCase, directory);
    const reads = [...testCase.expected.keys()];
    const loaded = await loadGraph(graph, parametersOf(testCase, given), options.terminal, {
      warn: false,
      reads,
      adapt,
    });
    const deployment = await deploy(loaded, { stdout: () => undefined });
    await deployment.run();
    return options.update ? update(testCase, directory) : compare(testCase, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function compare(testCase: TestCase, directory: string): CaseResult {
  const differences = [...testCase.expected].flatMap(([output, path]) => {
    const format = extname(path) === '.csv' ? 'csv' : 'ndjson';
    const actual = readFileSync(outputPath(directory, output, path), 'utf8');
    const difference = compareRows(readFileSync(path, 'utf8'), actual, format, testCase.settings);
    return difference === undefined ? [] : [{ output, difference }];
  });
  return { name: testCase.name, passed: differences.length === 0, updated: false, differences };
}

function update(testCase: TestCase, directory: string): CaseResult {
  for (const [output, path] of testCase.expected) {
    const actual = outputPath(directory, output, path);
    if (existsSync(actual)) copyFileSync(actual, path);
  }
  return { name: testCase.name, passed: true, updated: true, differences: [] };
}

function outputPath(directory: string, output: string, expected: string): string {
  return join(directory, `${output}${extname(expected)}`);
}

/** The plan with its fixtures in place of sources and of sinks. */
function underTest(plan: LogicalPlan, testCase: TestCase, directory: string): LogicalPlan {
  for (const name of testCase.inputs.keys()) mustBeKnown(name, plan.sources, testCase);
  const sources = plan.sources.map((source): SourceNode => {
    const path = testCase.inputs.get(source.name);
    if (path === undefined) return source;
    const { speed: _, ...unpaced } = source;
    return { ...unpaced, connector: 'file', options: fileSourceOptions.parse({ path }) };
  });
  const sinks = [...testCase.expected].map(([output, expected]): SinkNode => {
    const path = outputPath(directory, output, expected);
    return {
      ...streamOf(output, plan, testCase),
      name: `expected-${output}`,
      connector: 'file',
      options: fileSinkOptions.parse({ path }),
    };
  });
  return { ...plan, sources, sinks };
}

function mustBeKnown(name: string, nodes: readonly { readonly name: string }[], testCase: TestCase): void {
  const names = nodes.map((node) => node.name);
  if (names.includes(name)) return;
  const hint = didYouMean(name, names);
  throw userError('test.unknown-name', `${testCase.directory}: the graph has no '${name}'`, defined({ hint }));
}

/** A sink's own inputs, or the stream of a source or operator that `output` names. */
function streamOf(output: string, plan: LogicalPlan, testCase: TestCase): Pick<SinkNode, 'inputs' | 'input' | 'place'> {
  const sink = plan.sinks.find((candidate) => candidate.name === output);
  if (sink !== undefined) return { inputs: sink.inputs, input: sink.input, place: sink.place };
  const [node = output, port = ''] = output.split('.');
  const ref: StreamRef = { node, port };
  const operator = plan.operators.find((candidate) => candidate.name === node);
  const schema = operator?.outputs.get(port);
  if (operator !== undefined && schema !== undefined) return { inputs: [ref], input: schema, place: operator.place };
  const source = plan.sources.find((candidate) => candidate.name === node);
  if (source !== undefined && port === '') return { inputs: [ref], input: source.schema, place: source.place };
  if (source?.onError === 'divert' && port === 'errors') {
    return { inputs: [ref], input: ERRORS_SCHEMA, place: source.place };
  }
  const streams = plan.operators.flatMap((one) =>
    [...one.outputs.keys()].map((name) => ({ name: name === '' ? one.name : `${one.name}.${name}` })),
  );
  mustBeKnown(output, [...plan.sinks, ...plan.sources, ...streams], testCase);
  throw userError('test.unknown-name', `${testCase.directory}: '${output}' cannot be read`);
}

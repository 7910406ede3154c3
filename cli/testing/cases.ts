/**
 * Test cases beside a graph, by convention:
 *
 *     graph.yaml
 *     tests/late-reading/input/readings.csv            read instead of what source `readings` names
 *     tests/late-reading/expected/minutes.ndjson       what operator (or source, or port, or sink) must yield
 *     tests/late-reading/test.yaml                     optional: parameters, order, tolerance
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { throwProblems, userError } from '../../engine/errors.ts';
import { Places } from '../../engine/graph/places.ts';
import { SourceText } from '../../engine/graph/text.ts';
import { validate } from '../../engine/graph/validate.ts';
import { yamlTree } from '../../engine/graph/yaml-tree.ts';
import type { Parameters } from '../command.ts';

export interface Settings {
  /** Values for parameters of the graph. */
  readonly parameters: Parameters;
  /** `any`: rows are compared as a multiset; `exact`: in order. */
  readonly order: 'any' | 'exact';
  /** Relative difference up to which numbers are equal. */
  readonly tolerance: number;
}

const settingsSchema: z.ZodType<Settings> = z.strictObject({
  parameters: z.record(z.string(), z.coerce.string()).default({}),
  order: z.enum(['any', 'exact']).default('any'),
  tolerance: z.number().min(0).max(1).default(1e-9),
});

export interface TestCase {
  readonly name: string;
  readonly directory: string;
  /** Source name -> absolute path of its fixture. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Stream or sink name -> absolute path of what is expected. */
  readonly expected: ReadonlyMap<string, string>;
  readonly settings: Settings;
}

const DATA = /^([a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)?)\.(csv|ndjson|json|arrow|parquet)(\.gz|\.zst)?$/;
const COMPARABLE = /\.(csv|ndjson)$/;

/** The directories of all cases beside a graph file, in the order of their names. */
export function findCases(graph: string): readonly string[] {
  const root = join(dirname(resolve(graph)), 'tests');
  if (!existsSync(root)) {
    throw userError('test.none', `there are no tests beside ${graph}: ${root} is not there`, {
      hint: 'put inputs into tests/CASE/input/SOURCE.csv and results into tests/CASE/expected/OPERATOR.ndjson',
    });
  }
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map((entry) => join(root, entry.name)).sort();
}

export function readCase(directory: string): TestCase {
  const expected = dataFiles(join(directory, 'expected'));
  for (const path of expected.values()) {
    if (!COMPARABLE.test(path)) throw userError('test.format', `${path}: expected output is .ndjson or .csv`);
  }
  if (expected.size === 0) {
    throw userError('test.nothing-expected', `${directory}/expected names no output`, {
      hint: 'add an empty file OPERATOR.ndjson and run cloudskin test --update',
    });
  }
  return {
    name: basename(directory),
    directory,
    inputs: dataFiles(join(directory, 'input')),
    expected,
    settings: readSettings(join(directory, 'test.yaml')),
  };
}

function dataFiles(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of existsSync(directory) ? readdirSync(directory).sort() : []) {
    const stream = DATA.exec(name)?.[1];
    if (stream === undefined)
      throw userError('test.format', `${join(directory, name)} is no NAME.csv, .ndjson or the like`);
    found.set(stream, join(directory, name));
  }
  return found;
}

/** Read as a graph file is, so that a mistake is told with its place. */
function readSettings(path: string): Settings {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const source = new SourceText(path, text);
  const { root, problems } = yamlTree(source);
  throwProblems(problems);
  if (root === undefined) return settingsSchema.parse({});
  const { value, problems: mistakes } = validate(settingsSchema, new Places(path, root, source), []);
  throwProblems(mistakes);
  return value ?? settingsSchema.parse({});
}

/** The values that a case runs with: its own win over the command line's. */
export function parametersOf(testCase: TestCase, given: Parameters): Parameters {
  return { ...given, ...testCase.settings.parameters };
}

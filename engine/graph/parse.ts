/** From text or an object to a validated document: syntax, parameters, schema. `build/` makes a plan of what comes out. */
import type { z } from 'zod';
import type { Place, Problem } from '../errors.ts';
import type { GraphDocument, OperatorEntry, SinkEntry, SourceEntry } from './document.ts';
import { Findings } from './findings.ts';
import { problem } from './issues.ts';
import { jsonTree } from './json-tree.ts';
import { MAX_GRAPH_BYTES } from './limits.ts';
import { objectTree } from './object-tree.ts';
import { type Parameters, substituteParameters } from './parameter-scope.ts';
import { Places } from './places.ts';
import { graphSchema, operatorSchema, sinkSchema, sourceSchema } from './schema.ts';
import { misplacedSecrets } from './secret-places.ts';
import { SourceText } from './text.ts';
import { type Path, treeAt } from './tree.ts';
import { validate } from './validate.ts';
import { type TreeResult, yamlTree } from './yaml-tree.ts';

export interface ParseOptions extends Parameters {
  /** The file's path, for messages and for relative paths. */
  readonly file: string;
  /** Told by the file's ending when absent. */
  readonly format?: 'yaml' | 'json';
}

/** An entry of a section, as far as it could be read. */
export interface Entry<T> {
  readonly name: string;
  readonly path: Path;
  /** Absent where it could not be read at all; what is wrong has then been reported. */
  readonly value?: T;
  /** Keys with something wrong in them, left out of `value`. */
  readonly dropped: ReadonlySet<string>;
}

export interface ParsedGraph {
  readonly file: string;
  /** Present when the document as a whole is valid. */
  readonly document?: GraphDocument;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  /** Whatever could be read, for the planner to check on. */
  readonly sources: readonly Entry<SourceEntry>[];
  readonly operators: readonly Entry<OperatorEntry>[];
  readonly sinks: readonly Entry<SinkEntry>[];
  readonly places: Places;
  /** Scalars whose parameters could not be substituted: nothing that they seem to hold is worth an error of its own. */
  readonly unresolved: readonly Place[];
}

/** Control characters besides tab and line ends: YAML forbids them, and a terminal would obey them. */
const FORBIDDEN = /[^\P{Cc}\t\n\r]/u;

/** Parses a graph file. Never throws for what is in it: problems say what is wrong. Bytes are read as UTF-8. */
export function parseGraph(text: string | Uint8Array, options: ParseOptions): ParsedGraph {
  const { file } = options;
  const decoded = decode(text, file);
  if (typeof decoded !== 'string') return nothingParsed(file, [decoded]);
  const source = new SourceText(file, decoded);
  const isJson = options.format === 'json' || (options.format === undefined && file.endsWith('.json'));
  const tree = isJson ? jsonTree(source) : yamlTree(source);
  return finish(tree, file, source, options);
}

/** The same for a graph given as an object, in a program: places are paths. */
export function parseGraphObject(value: unknown, options: Parameters & { readonly file?: string } = {}): ParsedGraph {
  const file = options.file ?? '<object>';
  return finish(objectTree(value, file), file, undefined, options);
}

function finish(
  { root, problems }: TreeResult,
  file: string,
  source: SourceText | undefined,
  parameters: Parameters,
): ParsedGraph {
  if (root === undefined) return nothingParsed(file, problems.length > 0 ? problems : [empty(file, source)]);
  const findings = new Findings();
  findings.addAll(problems);
  findings.nextStage();
  const substituted = substituteParameters(root, new Places(file, root, source), parameters);
  findings.addAll(substituted.problems);
  const places = new Places(file, substituted.root, source);
  for (const place of substituted.unresolved) findings.silence(place);
  findings.addAll(misplacedSecrets(substituted.root, places));
  findings.nextStage();
  const whole = validate(graphSchema, places, []);
  findings.addAll(whole.problems);
  const parsed = {
    file,
    problems: findings.sorted(),
    sources: entries(['spec', 'sources'], sourceSchema, places),
    operators: entries(['spec', 'operators'], operatorSchema, places),
    sinks: entries(['spec', 'sinks'], sinkSchema, places),
    places,
    unresolved: substituted.unresolved,
  };
  const valid = !findings.hasErrors && whole.dropped.size === 0 && whole.value !== undefined;
  return valid ? { ...parsed, document: whole.value } : parsed;
}

function entries<T>(section: Path, schema: z.ZodType<T>, places: Places): Entry<T>[] {
  const tree = treeAt(places.root, section);
  if (tree?.kind !== 'map') return [];
  return [...tree.entries.keys()].map((name) => {
    const path = [...section, name];
    const { value, dropped } = validate(schema, places, path);
    return value === undefined ? { name, path, dropped } : { name, path, value, dropped };
  });
}

function decode(text: string | Uint8Array, file: string): string | Problem {
  const tooLarge = problem('graph.too-large', `a graph file has at most ${MAX_GRAPH_BYTES} bytes`, atStart(file));
  if (text.length > MAX_GRAPH_BYTES) return tooLarge;
  let decoded: string;
  try {
    decoded = typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    return problem('graph.not-utf8', 'the file is not UTF-8 text', atStart(file));
  }
  decoded = decoded.replace(/^\uFEFF/, '');
  const control = FORBIDDEN.exec(decoded);
  if (control === null) return decoded;
  const code = control[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase();
  const place = new SourceText(file, decoded).place(control.index);
  return problem('graph.bad-character', `the control character U+${code} cannot stand in a graph file`, place);
}

function empty(file: string, source: SourceText | undefined): Problem {
  const hint = 'cloudskin init writes a working graph to start from';
  return problem('graph.empty', 'the graph is empty', source?.place(0) ?? atStart(file), hint);
}

function atStart(file: string): Place {
  return { file, line: 1, column: 1 };
}

function nothingParsed(file: string, problems: readonly Problem[]): ParsedGraph {
  return { file, problems, sources: [], operators: [], sinks: [], places: new Places(file, undefined), unresolved: [] };
}

/**
 * Guesses the columns of JSON records from 1,000 of them or 1 MiB, whichever ends first. Objects inside are taken apart into
 * columns with a path; arrays stay as they are, as JSON in a utf8 column.
 */
import type { Field } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import type { Inferred, Input } from '../format.ts';
import { beginText } from '../text/begin.ts';
import { TypeGuess } from '../text/guess.ts';
import { LineWindow } from '../text/line-window.ts';
import { JsonCursor } from './cursor.ts';
import { formatPath, parsePath } from './path.ts';
import { NEED_MORE, skipSpace, stringEnd, valueEnd } from './structure.ts';
import { parseExactly } from './values.ts';

const SAMPLE_BYTES = 1_048_576;
const SAMPLE_RECORDS = 1000;
const DEPTH_LIMIT = 5;
const COLUMN_LIMIT = 10_000;

type Columns = Map<string, { readonly path: readonly string[]; readonly guess: TypeGuess }>;

export async function inferNdjson(input: Input): Promise<Inferred> {
  const window = await fill(input);
  const columns: Columns = new Map();
  let at = window.start;
  for (let count = 0; at < window.end && count < SAMPLE_RECORDS; count++) {
    const lineEnd = window.bytes.indexOf(10, at);
    if (lineEnd >= window.end && !window.eof) break;
    addRecord(window.bytes.toString('utf8', at, lineEnd), columns);
    at = lineEnd + 1;
  }
  return describe(columns, {}, input.name);
}

export async function inferDocument(input: Input, records: string | undefined): Promise<Inferred> {
  const window = await fill(input);
  const path = records === undefined ? findRecords(window) : parsePath(records);
  await new JsonCursor(window, input.name).enterRecords(path ?? []);
  const { bytes, end, eof } = window;
  const columns: Columns = new Map();
  let at = skipSpace(bytes, window.start, end);
  for (let count = 0; count < SAMPLE_RECORDS && at < end && bytes[at] !== 93; count++) {
    const to = valueEnd(bytes, at, end, eof);
    if (to === NEED_MORE || to === at) break;
    addRecord(bytes.toString('utf8', at, to), columns);
    at = skipSpace(bytes, to, end);
    if (bytes[at] !== 44) break;
    at = skipSpace(bytes, at + 1, end);
  }
  const options = records === undefined && path !== undefined && path.length > 0 ? { records: formatPath(path) } : {};
  return describe(columns, options, input.name);
}

async function fill(input: Input): Promise<LineWindow> {
  const window = new LineWindow(input.stream(), false);
  await beginText(window, input.name);
  while (window.end - window.start < SAMPLE_BYTES && (await window.pull()));
  return window;
}

/** The keys on the way to the first array that begins with an object; undefined where there is none. */
function findRecords(window: LineWindow): string[] | undefined {
  const { bytes, end } = window;
  const path: string[] = [];
  /** For each open container whether it is an object. */
  const open: boolean[] = [];
  for (let at = skipSpace(bytes, window.start, end); at < end; at = skipSpace(bytes, at + 1, end)) {
    const byte = bytes[at];
    if (byte === 34) {
      const to = stringEnd(bytes, at, end);
      if (to === NEED_MORE) return undefined;
      const colon = skipSpace(bytes, to, end);
      if (open.at(-1) === true && bytes[colon] === 58) path[open.length - 1] = bytes.toString('utf8', at + 1, to - 1);
      at = to - 1;
    } else if (byte === 123 || byte === 91) {
      if (byte === 91 && bytes[skipSpace(bytes, at + 1, end)] === 123 && open.every(Boolean))
        return path.slice(0, open.length);
      open.push(byte === 123);
    } else if (byte === 125 || byte === 93) open.pop();
  }
  return undefined;
}

function addRecord(text: string, columns: Columns): void {
  if (text.trim() === '') return;
  try {
    addObject(parseExactly(text), [], columns);
  } catch {
    // A record that is no JSON is a bad row when the file is read; it tells nothing about types.
  }
}

function addObject(value: unknown, path: readonly string[], columns: Columns): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, key];
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner) && at.length < DEPTH_LIMIT) {
      addObject(inner, at, columns);
    } else addValue(inner, at, columns);
  }
}

function addValue(value: unknown, path: readonly string[], columns: Columns): void {
  const id = formatPath(path);
  let column = columns.get(id);
  if (column === undefined) {
    if (columns.size >= COLUMN_LIMIT) return;
    column = { path, guess: new TypeGuess() };
    columns.set(id, column);
  }
  if (value === null) return;
  if (typeof value === 'string') column.guess.addText(value);
  else column.guess.add(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

function describe(columns: Columns, options: Readonly<Record<string, unknown>>, file: string): Inferred {
  if (columns.size === 0) {
    throw userError('source.empty', `${file} holds no records, so its columns cannot be guessed`, {
      hint: 'give the source a `schema`',
    });
  }
  const fields: Field[] = [];
  const paths = new Map<string, string>();
  const taken = new Set([...columns.values()].filter(({ path }) => path.length === 1).map(({ path }) => path[0] ?? ''));
  for (const [id, { path, guess }] of columns) {
    const name = path.length === 1 ? (path[0] ?? '') : freeName(path, taken);
    taken.add(name);
    if (path.length > 1) paths.set(name, id);
    fields.push({ name, type: guess.type(name), nullable: true });
  }
  return { schema: { fields }, paths, options };
}

/** The last key where that is free, else more of the path: `mag`, `properties_mag`. */
function freeName(path: readonly string[], taken: ReadonlySet<string>): string {
  for (let from = path.length - 1; from >= 0; from--) {
    const name = path.slice(from).join('_');
    if (!taken.has(name)) return name;
  }
  let suffix = 2;
  while (taken.has(`${path.join('_')}_${suffix}`)) suffix++;
  return `${path.join('_')}_${suffix}`;
}

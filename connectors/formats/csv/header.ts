/** Which field of a csv record goes to which column, and which delimiter a file uses. */
import type { Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import { didYouMean } from '../../../engine/graph/suggest.ts';
import { RecordScanner } from './scanner.ts';

/** The delimiters tried where none is given, the likeliest first. */
export const DELIMITERS: readonly string[] = [',', ';', '\t', '|'];

/** The fields of one complete record; undefined where its quotes are wrong. */
export function splitRecord(record: Buffer, delimiter: string, quote: string): string[] | undefined {
  const padded = Buffer.concat([record, Buffer.from('\n')]);
  const scanner = new RecordScanner(delimiter.charCodeAt(0), quote === '' ? -1 : quote.charCodeAt(0));
  if (scanner.scan(padded, 0, record.length, true) < 0) return undefined;
  return Array.from({ length: scanner.count }, (_, at) => scanner.text(padded, at));
}

/** The delimiter that splits the record into most of the names wanted; then the one that splits it into most fields. */
export function chooseDelimiter(record: Buffer, quote: string, wanted: readonly string[]): string {
  let best = ',';
  let bestScore = -1;
  for (const delimiter of DELIMITERS) {
    const fields = new Set((splitRecord(record, delimiter, quote) ?? []).map((field) => field.trim()));
    const found = wanted.filter((name) => fields.has(name)).length;
    const score = found * 100_000 + Math.min(fields.size, 99_999);
    if (score > bestScore) {
      best = delimiter;
      bestScore = score;
    }
  }
  return best;
}

/** The names that the columns of `schema` have in the file: their `path` where one is given. */
export function wantedNames(schema: Schema, attached: number, paths: ReadonlyMap<string, string>): string[] {
  return schema.fields.slice(0, schema.fields.length - attached).map((field) => paths.get(field.name) ?? field.name);
}

/**
 * For each wanted name its index in the header. Names match exactly, else without surrounding blanks. Throws
 * `csv.missing-column`, naming all that are missing, and `csv.duplicate-column`.
 */
export function mapHeader(header: readonly string[], wanted: readonly string[], file: string): number[] {
  const trimmed = header.map((name) => name.trim());
  const exact = indexNames(header);
  const loose = indexNames(trimmed);
  const missing: string[] = [];
  const indices = wanted.map((name) => {
    const index = exact.get(name) ?? loose.get(name) ?? -1;
    if (index === TWICE) throw duplicateColumn(name, file);
    if (index < 0) missing.push(name);
    return index;
  });
  if (missing.length > 0) throw missingColumns(missing, trimmed, file);
  return indices;
}

const TWICE = -2;

function indexNames(names: readonly string[]): Map<string, number> {
  const index = new Map<string, number>();
  for (const [at, name] of names.entries()) index.set(name, index.has(name) ? TWICE : at);
  return index;
}

function duplicateColumn(name: string, file: string): Error {
  return userError('csv.duplicate-column', `${file} names column "${name}" twice in its header`, {
    hint: 'set `header: false` and `skipLines: 1`, and name all columns in the schema',
  });
}

function missingColumns(missing: readonly string[], header: readonly string[], file: string): Error {
  const names = missing.map((name) => `"${name}"`).join(', ');
  const has = header.slice(0, 20).map((name) => `"${name.slice(0, 60)}"`);
  const more = header.length > 20 ? ` and ${header.length - 20} more` : '';
  return userError(
    'csv.missing-column',
    `${file} has no column${missing.length > 1 ? 's' : ''} ${names}; its header names ${has.join(', ')}${more}`,
    { hint: headerHint(missing[0] ?? '', header) },
  );
}

function headerHint(name: string, header: readonly string[]): string {
  const other = DELIMITERS.find((delimiter) => header.length === 1 && header[0]?.includes(delimiter));
  if (other !== undefined) return `set \`delimiter: ${JSON.stringify(other)}\``;
  if (header.every((field) => field === '' || !Number.isNaN(Number(field)))) {
    return 'this file seems to have no header: set `header: false`';
  }
  return didYouMean(name, header) ?? 'see the columns with `cloudskin infer`';
}

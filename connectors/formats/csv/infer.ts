/** Guesses a csv file's delimiter, header and column types from its head: 1,000 records or 1 MiB, whichever ends first. */
import type { Field } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import type { Inferred, Input } from '../format.ts';
import { beginText, skipLines } from '../text/begin.ts';
import { TypeGuess } from '../text/guess.ts';
import { ByteWindow } from '../text/window.ts';
import { DELIMITERS } from './header.ts';
import type { CsvReadOptions } from './options.ts';
import { BAD_QUOTE, RecordScanner } from './scanner.ts';

const LF = 10;
const SAMPLE_BYTES = 1_048_576;
const SAMPLE_RECORDS = 1000;
const DELIMITER_RECORDS = 50;

/** Throws `source.empty` where there is nothing to go by. */
export async function inferCsv(input: Input, options: CsvReadOptions): Promise<Inferred> {
  const window = new ByteWindow(input.stream());
  try {
    await beginText(window, input.name);
    await skipLines(window, options.skipLines);
    const most = Math.max(SAMPLE_BYTES, options.maxRowBytes);
    while (window.end - window.start < SAMPLE_BYTES && window.end < most && (await window.pull()));
    const delimiter = options.delimiter ?? bestDelimiter(window, options.quote);
    const records = sample(window, delimiter, options.quote, SAMPLE_RECORDS);
    const first = records[0];
    if (first === undefined && window.end > window.start) throw noRecord(input.name, options.quote);
    if (first === undefined) {
      throw userError('source.empty', `${input.name} is empty, so its columns cannot be guessed`, {
        hint: 'give the source a `schema`',
      });
    }
    return describe(first, records.slice(1), delimiter, options);
  } finally {
    await window.close();
  }
}

function noRecord(name: string, quote: string): Error {
  return userError('csv.bad-quote', `no record of ${name} can be read: quotes stand within its fields`, {
    hint: `set \`quote: ""\` where ${quote} means nothing there, or give the source a \`schema\``,
  });
}

function sample(window: ByteWindow, delimiter: string, quote: string, most: number): string[][] {
  const { bytes, end, eof } = window;
  const scanner = new RecordScanner(delimiter.charCodeAt(0), quote === '' ? -1 : quote.charCodeAt(0));
  const records: string[][] = [];
  let at = window.start;
  while (at < end && records.length < most) {
    const next = scanner.scan(bytes, at, end, eof);
    if (next < 0) {
      // As reading does: a record with bad quotes loses its first line.
      at = bytes.indexOf(LF, at) + 1;
      if (next === BAD_QUOTE && at > 0 && at < end) continue;
      break;
    }
    const fields = Array.from({ length: scanner.count }, (_, index) => scanner.text(bytes, index));
    if (fields.length > 1 || fields[0] !== '') records.push(fields);
    at = next;
  }
  return records;
}

/** The delimiter by which most of the first records have as many fields as the first one, and that more than one. */
function bestDelimiter(window: ByteWindow, quote: string): string {
  let best = ',';
  let bestScore = 0;
  for (const delimiter of DELIMITERS) {
    const records = sample(window, delimiter, quote, DELIMITER_RECORDS);
    const fields = records[0]?.length ?? 0;
    const alike = records.filter((record) => record.length === fields).length;
    const score = fields > 1 ? (alike / records.length) * 1000 + Math.min(fields, 999) : 0;
    if (score > bestScore) {
      best = delimiter;
      bestScore = score;
    }
  }
  return best;
}

function describe(
  first: readonly string[],
  rest: readonly (readonly string[])[],
  delimiter: string,
  options: CsvReadOptions,
): Inferred {
  const header = options.header && looksLikeHeader(first, rest, options.nullValues);
  const rows = header ? rest : [first, ...rest];
  const names = first.map((field, index) => (header && field.trim() !== '' ? field.trim() : `column${index + 1}`));
  const fields = names.map((name, index): Field => {
    const guess = guessColumn(rows, index, options.nullValues);
    return { name, type: guess.type(name), nullable: true };
  });
  const found: Record<string, unknown> = {};
  if (delimiter !== ',') found.delimiter = delimiter;
  if (!header) found.header = false;
  return { schema: { fields }, paths: new Map(), options: found };
}

function guessColumn(rows: readonly (readonly string[])[], index: number, nulls: readonly string[]): TypeGuess {
  const guess = new TypeGuess();
  for (const row of rows) {
    const text = row[index]?.trim() ?? '';
    if (text !== '' && !nulls.includes(text)) guess.add(text);
  }
  return guess;
}

/** No header where a field of the first record is a value like those below it, of a column that is not text. */
function looksLikeHeader(
  first: readonly string[],
  rest: readonly (readonly string[])[],
  nulls: readonly string[],
): boolean {
  return first.every((field, index) => {
    const alone = new TypeGuess();
    if (field.trim() !== '') alone.add(field.trim());
    if (alone.type('').kind === 'utf8') return true;
    return rest.length > 0 && guessColumn(rest, index, nulls).type('').kind === 'utf8';
  });
}

/**
 * Batches in the text format of COPY: a row a line, columns between tabs, `\N` for null, backslashes before what would be misread
 * (PostgreSQL documentation, COPY, "Text Format").
 */
import type { Batch } from '../../engine/batch/batch.ts';
import { getBit } from '../../engine/batch/bits.ts';
import { type ColumnView, columnView } from '../../engine/batch/reader.ts';
import type { TimeUnit } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import { TextOutput } from '../formats/text/output.ts';
import { valueText } from '../formats/text/values.ts';

const TAB = 9;
const LF = 10;
const CR = 13;
const BACKSLASH = 92;
const HEX = Buffer.from('0123456789abcdef');
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [TAB, 't'.charCodeAt(0)],
  [LF, 'n'.charCodeAt(0)],
  [CR, 'r'.charCodeAt(0)],
  [BACKSLASH, BACKSLASH],
]);
const SECOND_DIGITS: Readonly<Record<TimeUnit, number>> = { s: 0, ms: 3, us: 6, ns: 9 };

type Put = (row: number) => void;

/** The rows of a batch; the bytes are the caller's. */
export function copyText(batch: Batch): Buffer {
  const pieces: Buffer[] = [];
  const out = new TextOutput((bytes) => pieces.push(Buffer.from(bytes)));
  const puts = batch.schema.fields.map((field, column) => putterOf(columnView(batch, column), field.name, out));
  for (let row = 0; row < batch.rows; row++) {
    for (let i = 0; i < puts.length; i++) {
      if (i > 0) out.byte(TAB);
      (puts[i] as Put)(row);
    }
    out.byte(LF);
    out.endRow();
  }
  out.flush();
  return Buffer.concat(pieces);
}

/** What is left of rows when the first `rows` are left out. */
export function withoutRows(text: Uint8Array, rows: number): Uint8Array {
  let at = 0;
  for (let left = rows; left > 0 && at < text.length; left--) at = text.indexOf(LF, at) + 1;
  return text.subarray(at);
}

function putterOf(view: ColumnView, name: string, out: TextOutput): Put {
  const { validity, type } = view;
  const put = valuePutter(view, name, out);
  if (type.kind === 'null') return () => out.ascii('\\N');
  if (view.nullCount === 0) return put;
  return (row) => (getBit(validity, row) ? put(row) : out.ascii('\\N'));
}

function valuePutter(view: ColumnView, name: string, out: TextOutput): Put {
  const { type, offsets, data } = view;
  if (type.kind === 'utf8') {
    return (row) => putText(data, offsets[row] as number, offsets[row + 1] as number, name, out);
  }
  if (type.kind === 'binary') {
    return (row) => putHex(data, offsets[row] as number, offsets[row + 1] as number, out);
  }
  const text = valueText(view);
  if (type.kind !== 'duration') return (row) => out.ascii(text(row));
  const digits = SECOND_DIGITS[type.unit];
  return (row) => out.ascii(secondsText(text(row), digits));
}

/** PostgreSQL's text holds every character but NUL. */
function putText(data: Uint8Array, start: number, end: number, name: string, out: TextOutput): void {
  let from = start;
  for (let i = start; i < end; i++) {
    const byte = data[i] as number;
    if (byte === 0) {
      throw userError(
        'postgres.nul',
        `column ${name} holds a text with a NUL character, which PostgreSQL cannot store`,
        {
          hint: 'filter such rows before the sink',
        },
      );
    }
    const letter = byte <= BACKSLASH ? ESCAPES.get(byte) : undefined;
    if (letter === undefined) continue;
    out.bytes(data, from, i);
    out.byte(BACKSLASH);
    out.byte(letter);
    from = i + 1;
  }
  out.bytes(data, from, end);
}

function putHex(data: Uint8Array, start: number, end: number, out: TextOutput): void {
  out.ascii('\\\\x');
  for (let i = start; i < end; i++) {
    out.byte(HEX[(data[i] as number) >> 4] as number);
    out.byte(HEX[(data[i] as number) & 15] as number);
  }
}

/** An interval: `1500` of milliseconds is `1.500 seconds`. */
function secondsText(units: string, digits: number): string {
  if (digits === 0) return `${units} seconds`;
  const sign = units.startsWith('-') ? '-' : '';
  const padded = units.slice(sign.length).padStart(digits + 1, '0');
  return `${sign}${padded.slice(0, -digits)}.${padded.slice(-digits)} seconds`;
}

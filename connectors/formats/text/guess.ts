/** Guesses a column's type from texts of it. Never proves that a column has no nulls: what is guessed is nullable. */
import type { DataType, TimeUnit } from '../../../engine/batch/types.ts';
import { InstantParser } from './instant.ts';
import { parseBigInteger, parseFloat64 } from './numbers.ts';

const BOOLEAN = /^(true|false)$/i;
/** Numbers with leading zeros are identifiers: postcodes, serial numbers. */
const IDENTIFIER = /^[+-]?0\d/;
const TIME_NAME = /(^|[_\s-])(time|timestamp|ts|at|date|datetime|updated|created|epoch)$|(Time|Timestamp|At|Date)$/;

/** Epoch numbers of the years 2001 to 2286 by unit; seconds are the least certain, so the name must speak for them. */
const EPOCHS: readonly (readonly [bigint, bigint, TimeUnit])[] = [
  [1_000_000_000n, 10_000_000_000n, 's'],
  [1_000_000_000_000n, 10_000_000_000_000n, 'ms'],
  [1_000_000_000_000_000n, 10_000_000_000_000_000n, 'us'],
  [1_000_000_000_000_000_000n, 9_223_372_036_854_775_807n, 'ns'],
];

/** What every text seen so far is, as one value of a column. */
export class TypeGuess {
  #seen = 0;
  #bool = true;
  #integer = true;
  #float = true;
  #instant = true;
  #zoned = false;
  #digits = 0;
  #min: bigint | undefined;
  #max: bigint | undefined;
  readonly #parser: InstantParser = new InstantParser();

  /** A value's text; nulls are not shown to it. */
  add(text: string): void {
    this.#seen++;
    if (this.#bool && !BOOLEAN.test(text)) this.#bool = false;
    if (this.#integer) this.#addInteger(text);
    if (this.#float) {
      const bytes = Buffer.from(text);
      this.#float = !IDENTIFIER.test(text) && parseFloat64(bytes, 0, bytes.length) !== undefined;
    }
    if (this.#instant) this.#addInstant(text);
  }

  /** A text that its format marks as text (a JSON string): a time, or just text, but never a number. */
  addText(text: string): void {
    this.add(text);
    this.#bool = false;
    this.#integer = false;
    this.#float = false;
  }

  /** The narrowest of bool, timestamp, int64, float64 that takes all texts, else utf8; `name` may speak for an epoch. */
  type(name: string): DataType {
    if (this.#seen === 0) return { kind: 'utf8' };
    if (this.#bool) return { kind: 'bool' };
    if (this.#instant) return timestamp(this.#digits > 6 ? 'ns' : this.#digits > 3 ? 'us' : 'ms', this.#zoned);
    if (this.#integer) {
      const unit = TIME_NAME.test(name) ? this.#epochUnit() : undefined;
      return unit === undefined ? { kind: 'int64' } : timestamp(unit, false);
    }
    return { kind: this.#float ? 'float64' : 'utf8' };
  }

  #addInteger(text: string): void {
    const value = IDENTIFIER.test(text) ? undefined : parseBigInteger(text);
    if (value === undefined || BigInt.asIntN(64, value) !== value) {
      // Digits beyond an int64 would be lost in a float64: better text.
      if (value !== undefined) this.#float = false;
      this.#integer = false;
      return;
    }
    if (this.#min === undefined || value < this.#min) this.#min = value;
    if (this.#max === undefined || value > this.#max) this.#max = value;
  }

  #addInstant(text: string): void {
    const bytes = Buffer.from(text);
    if (!this.#parser.instant(bytes, 0, bytes.length)) {
      this.#instant = false;
      return;
    }
    this.#zoned ||= /(Z|z|[+-]\d\d(:?\d\d)?)$/.test(text.slice(10));
    this.#digits = Math.max(this.#digits, /[.,](\d+)/.exec(text)?.[1]?.length ?? 0);
  }

  #epochUnit(): TimeUnit | undefined {
    const min = this.#min ?? 0n;
    const max = this.#max ?? 0n;
    return EPOCHS.find(([from, to]) => min >= from && max < to)?.[2];
  }
}

function timestamp(unit: TimeUnit, zoned: boolean): DataType {
  return zoned ? { kind: 'timestamp', unit, timezone: 'UTC' } : { kind: 'timestamp', unit };
}

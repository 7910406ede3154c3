/**
 * The near side's own store of a durable channel: every item, by its number, in a log on the agent's disk, until a checkpoint of the other side
 * covers it.
 *
 *     first ........ covered ........ committed ........ last
 *             (trimmed)     (may be published)   (sent; not in a complete checkpoint)
 *
 * A record is an item behind the number of rows that were sent before it: so whoever finds some missing knows how many rows they were.
 *
 *     | rows before, f64 | item (records.ts) |
 */
import { CloudskinError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import type { LogReader, RecordLog } from '../../state/log/log.ts';
import { recordSize, writeRecord } from '../protocol/records.ts';
import type { SentItem } from '../transport.ts';
import type { Kept, Told } from './messages.ts';
import { Numbers } from './numbers.ts';
import { Waiting } from './waiting.ts';

const HEAD = 8;

/** Of rows: all that were sent, those before the oldest kept (as of the last look), what the receiver told. */
interface Counts {
  readonly rows: number;
  readonly rowsBefore: number;
  readonly told: Told;
}

export class KeptLog {
  readonly #log: RecordLog;
  readonly #numbers: Numbers;
  /** Bytes added since the last `sync` began. */
  unsynced = 0;
  #committed: number;
  #covered: number;
  #reader: { reader: LogReader; next: number } | undefined;
  #scratch: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#scratch.buffer as ArrayBuffer);
  /** Rows of all items so far, and of those before the oldest kept, as far as it was looked at. */
  #rows: number;
  #rowsBefore: number;
  #lookedAt = 0;
  #told: Told;
  readonly #waiting: Waiting;

  private constructor(log: RecordLog, numbers: Numbers, counts: Partial<Counts>) {
    const { rows = 0, rowsBefore = 0, told = { rows: 0, lost: 0 } } = counts;
    this.#log = log;
    this.#numbers = numbers;
    this.#committed = numbers.last;
    this.#covered = this.oldest - 1;
    this.#rows = rows;
    this.#rowsBefore = rowsBefore;
    this.#told = told;
    this.#waiting = new Waiting(this.#covered, numbers.last, log.bytes);
  }

  /** `mark`: of the checkpoint that the sender goes on from; what the log holds beyond it is taken back. */
  static async open(
    openLog: (known: number) => Promise<RecordLog>,
    epoch: number,
    mark: Json | undefined,
  ): Promise<KeptLog> {
    const numbers = mark === undefined ? new Numbers(epoch, 0) : Numbers.from(mark);
    const log = await openLog(numbers.recordOf(numbers.last) ?? 0);
    // without a checkpoint nothing of what is there was ever published
    if (mark === undefined) await log.trim(log.next);
    return new KeptLog(log, numbers, (mark ?? {}) as Partial<Counts>);
  }

  get born(): number {
    return this.#numbers.born;
  }

  get log(): RecordLog {
    return this.#log;
  }

  get last(): number {
    return this.#numbers.last;
  }

  get committed(): number {
    return this.#committed;
  }

  /** All items up to it are in a complete checkpoint of the receiver, as far as is known. */
  get covered(): number {
    return this.#covered;
  }

  /** The oldest item that the log has. */
  get oldest(): number {
    return this.#numbers.itemFrom(this.#log.first);
  }

  /** Rows that the receiver never got, and those that it will not get because they are no longer kept. */
  get lost(): number {
    return this.#told.lost + Math.max(0, this.#rowsBefore - this.#told.rows);
  }

  /** Bytes of the items that no checkpoint of the receiver covers: the log itself gives room back in pieces. */
  get waiting(): number {
    return Math.min(this.#log.bytes, this.#waiting.behind(this.#covered));
  }

  hear(told: Told): void {
    this.#told = told;
  }

  add(item: SentItem): void {
    const size = HEAD + recordSize(item);
    if (this.#scratch.length < size) {
      this.#scratch = new Uint8Array(size);
      this.#view = new DataView(this.#scratch.buffer as ArrayBuffer);
    }
    this.#view.setFloat64(0, this.#rows, true);
    writeRecord(item, this.#scratch, this.#view, HEAD);
    const before = this.#log.bytes;
    this.#numbers.add(this.#log.append(this.#scratch.subarray(0, size)));
    this.unsynced += size;
    // with what the log writes around it; where it gave up the oldest for it, it has become no larger
    this.#waiting.add(this.last, Math.max(size, this.#log.bytes - before));
    if (item.kind === 'batch') this.#rows += item.rows;
  }

  async sync(): Promise<void> {
    this.unsynced = 0;
    await this.#log.sync();
    if (this.#log.dropped !== this.#lookedAt) await this.#countLost();
  }

  /** What a checkpoint keeps of the items so far. */
  mark(): Json {
    this.#waiting.mark();
    const counts = { rows: this.#rows, rowsBefore: this.#rowsBefore, told: { ...this.#told } };
    return { ...this.#numbers.upTo(this.last), ...counts };
  }

  commit(last: number): void {
    this.#committed = Math.max(this.#committed, Math.min(last, this.last));
  }

  /** A complete checkpoint of the receiver covers all items up to this one. */
  async cover(item: number): Promise<void> {
    if (item <= this.#covered) return;
    this.#covered = Math.min(item, this.#committed);
    this.#numbers.forget(this.#covered);
    const record = this.#numbers.recordOf(this.#covered + 1) ?? this.#log.next;
    await this.#log.trim(Math.min(record, this.#log.next));
  }

  /** An item that is committed; undefined where it is no longer there. Reads on quickest in order. */
  async read(item: number): Promise<Kept | undefined> {
    const record = this.#numbers.recordOf(item);
    if (record === undefined || item > this.#committed || record < this.#log.first) return undefined;
    if (this.#reader?.next !== record) {
      await this.#reader?.reader.close();
      this.#reader = { reader: this.#log.read(record), next: record };
    }
    try {
      const found = await this.#reader.reader.next();
      this.#reader.next = record + 1;
      return found?.sequence === record ? keptOf(found.data) : undefined;
    } catch (error) {
      if (isTrimmed(error)) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#reader?.reader.close();
    await this.#log.close();
  }

  /** Looks at the oldest record that is left. */
  async #countLost(): Promise<void> {
    const { dropped, first } = this.#log;
    const reader = this.#log.read(first);
    try {
      const found = await reader.next();
      this.#rowsBefore = found === undefined ? this.#rows : keptOf(found.data).rowsBefore;
      this.#lookedAt = dropped;
    } catch (error) {
      // given up in the meantime: the next sync looks again
      if (!isTrimmed(error)) throw error;
    } finally {
      await reader.close();
    }
  }
}

function keptOf(data: Uint8Array): Kept {
  const rowsBefore = new DataView(data.buffer, data.byteOffset, HEAD).getFloat64(0, true);
  return { record: data.subarray(HEAD), rowsBefore };
}

function isTrimmed(error: unknown): boolean {
  return error instanceof CloudskinError && error.code === 'log.trimmed';
}

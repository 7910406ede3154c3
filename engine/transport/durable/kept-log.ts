/**
 * The near side's own store of a durable channel: every item, by its number, in a log on the agent's disk, until a checkpoint of the other side
 * covers it.
 *
 *     first ........ covered ........ committed ........ last
 *             (trimmed)     (may be published)   (sent; not in a complete checkpoint)
 */
import { CloudskinError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import type { LogReader, RecordLog } from '../../state/log.ts';
import { recordSize, writeRecord } from '../protocol/records.ts';
import type { Item } from '../transport.ts';
import type { Numbers } from './numbers.ts';

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

  /** `numbers`: of the checkpoint that the sender goes on from; what the log holds beyond it is taken back. */
  constructor(log: RecordLog, numbers: Numbers) {
    this.#log = log;
    this.#numbers = numbers;
    this.#committed = numbers.last;
    this.#covered = this.oldest - 1;
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

  add(item: Item): void {
    const size = recordSize(item);
    if (this.#scratch.length < size) {
      this.#scratch = new Uint8Array(size);
      this.#view = new DataView(this.#scratch.buffer as ArrayBuffer);
    }
    writeRecord(item, this.#scratch, this.#view, 0);
    this.#numbers.add(this.#log.append(this.#scratch.subarray(0, size)));
    this.unsynced += size;
  }

  async sync(): Promise<void> {
    this.unsynced = 0;
    await this.#log.sync();
  }

  /** What a checkpoint keeps of the items so far. */
  mark(): Json {
    return this.#numbers.upTo(this.last);
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

  /** The bytes of an item that is committed; undefined where it is no longer there. Reads on quickest in order. */
  async read(item: number): Promise<Uint8Array | undefined> {
    const record = this.#numbers.recordOf(item);
    if (record === undefined || item > this.#committed || record < this.#log.first) return undefined;
    if (this.#reader?.next !== record) {
      await this.#reader?.reader.close();
      this.#reader = { reader: this.#log.read(record), next: record };
    }
    try {
      const found = await this.#reader.reader.next();
      this.#reader.next = record + 1;
      return found?.sequence === record ? found.data : undefined;
    } catch (error) {
      if (error instanceof CloudskinError && error.code === 'log.trimmed') return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#reader?.reader.close();
    await this.#log.close();
  }
}

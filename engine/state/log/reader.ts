/** Reads a log's files one after the other, behind its writer. */
import { type FileHandle, open } from 'node:fs/promises';
import { type CloudskinError, externalError, systemCode } from '../../errors.ts';
import type { LogReader, LogRecord } from './log.ts';
import { corruptRecord, type Segment } from './segments.ts';
import { SegmentWalk } from './walk.ts';

/** What a reader sees of its log. */
export interface LogFiles {
  readonly segments: readonly Segment[];
  readonly first: number;
  readonly synced: number;
}

interface Open {
  readonly segment: Segment;
  readonly handle: FileHandle;
  readonly walk: SegmentWalk;
}

export class DiskReader implements LogReader {
  readonly #log: LogFiles;
  #next: number;
  #open: Open | undefined;
  #closed = false;

  /** Throws `log.trimmed`. */
  constructor(log: LogFiles, from: number) {
    this.#log = log;
    this.#next = from;
    if (from < log.first) throw trimmed(from, log.first);
  }

  async next(): Promise<LogRecord | undefined> {
    for (;;) {
      const { first, synced } = this.#log;
      if (this.#closed) return undefined;
      if (this.#next < first) throw trimmed(this.#next, first);
      if (this.#next > synced) return undefined;
      const from = await this.#segment();
      const step = await from.walk.next(from.segment.bytes);
      if (step.kind === 'unsound') throw corruptRecord(from.segment.path, step.at, this.#next, step.why);
      if (step.kind === 'end') {
        await this.#leave(from);
        continue;
      }
      const { sequence, isMark } = step.head;
      if (isMark || sequence < this.#next) continue;
      this.#next = sequence + 1;
      return { sequence, data: new Uint8Array(step.data) };
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const { handle } = this.#open ?? {};
    this.#open = undefined;
    await handle?.close();
  }

  /** The file with the next record, which is there: it is synced and not trimmed. */
  async #segment(): Promise<Open> {
    if (this.#open !== undefined) return this.#open;
    const segment = this.#log.segments.findLast(({ head }) => head.first <= this.#next);
    if (segment === undefined) throw trimmed(this.#next, this.#log.first);
    const handle = await openOrTrimmed(segment.path, this.#next, this.#log);
    this.#open = { segment, handle, walk: new SegmentWalk(handle, segment.head) };
    return this.#open;
  }

  /** At the end of a file the next one has the next record, or a record has been lost. */
  async #leave({ segment, handle, walk }: Open): Promise<void> {
    this.#open = undefined;
    await handle.close();
    const successor = this.#log.segments.find(({ head }) => head.first > segment.head.first);
    if (successor !== undefined && successor.head.first <= this.#next && walk.sequence >= this.#next) return;
    if (this.#next < this.#log.first) return;
    throw corruptRecord(segment.path, walk.at, this.#next, 'it is missing');
  }
}

async function openOrTrimmed(path: string, sequence: number, log: LogFiles): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const gone = systemCode(error) === 'ENOENT';
    if (gone && log.first > sequence) throw trimmed(sequence, log.first);
    throw externalError('log.corrupt', `record ${sequence} cannot be read: ${path} cannot be opened`, { cause: error });
  }
}

function trimmed(sequence: number, first: number): CloudskinError {
  return externalError('log.trimmed', `record ${sequence} is not kept any more; the log begins with ${first}`);
}

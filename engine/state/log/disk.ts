/**
 * A log in files (segment.ts) of a directory. Appended records wait in memory; one writer takes them to the file and, when somebody waits for it,
 * to the disk, for all who wait at once.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CloudskinError, externalError, internalError, messageOf, systemCode } from '../../errors.ts';
import { type Ports, realPorts } from '../../ports.ts';
import { makeDirectory, syncDirectory } from '../blobs/files.ts';
import type { DiskRoom } from '../disk/room.ts';
import type { LogLimits, LogReader, RecordLog } from './log.ts';
import { DiskReader, type LogFiles } from './reader.ts';
import { encodeHead, encodeRecord, HEADER, LONGEST, RECORD, type SegmentHead, segmentName } from './segment.ts';
import { type Found, findSegments, type Segment } from './segments.ts';

export interface LogOptions extends LogLimits {
  /** Made where it is not there. */
  readonly directory: string;
  readonly ports?: Ports;
  /** The number of the first record of a new log; 1 unless given. */
  readonly start?: number;
  /** Everything up to this number is known to have been safe: where the log ends before it, opening rejects with `log.lost`. */
  readonly known?: number;
  /** Of the disk, shared by all logs of a thread; absent: only the bound counts. */
  readonly disk?: DiskRoom;
}

const SEGMENT = 16 * 1024 * 1024;
const MAX_RECORD = 64 * 1024 * 1024;
/** Appended bytes that are written without being asked for; where `room` begins to ask for patience; that one write takes. */
const WRITE_AT = 256 * 1024;
const PATIENCE_AT = 8 * 1024 * 1024;
const WRITE_BYTES = 4 * 1024 * 1024;
const WRITE_RECORDS = 1024;
/** A file of a log that is short of room is not larger than this part of it. */
const SMALL = 16;

interface Waiting {
  readonly sequence: number;
  readonly done: PromiseWithResolvers<void>;
}

/** Rejects with `log.corrupt`, `log.lost`, or what the disk says. */
export async function openLog(options: LogOptions): Promise<RecordLog> {
  await makeDirectory(options.directory);
  const found = await findSegments(options.directory);
  const known = options.known ?? 0;
  if (found.next <= known && known > 0) {
    await found.handle?.close();
    const last = found.next === 0 ? 'is empty' : `ends with record ${found.next - 1}`;
    throw externalError('log.lost', `the log in ${options.directory} ${last}, though ${known} was safe once`, {
      hint: 'the directory was lost or put back to an older state',
    });
  }
  const log = new DiskLog(options, found);
  try {
    await log.ready();
  } catch (error) {
    await found.handle?.close();
    throw error;
  }
  return log;
}

class DiskLog implements RecordLog, LogFiles {
  readonly segments: Segment[];
  readonly #options: LogOptions;
  readonly #segmentBytes: number;
  readonly #pending: { readonly record: Buffer; readonly sequence: number }[] = [];
  #pendingBytes = 0;
  #handle: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #room: PromiseWithResolvers<void> | undefined;
  #writer: Promise<void> = Promise.resolve();
  #isWriting = false;
  #trimming: Promise<void> = Promise.resolve();
  #failure: CloudskinError | undefined;
  #closed = false;
  /** The last file holds nothing that is needed: a new one is begun. */
  #renew = false;
  #marked: boolean;
  first: number;
  next: number;
  synced: number;
  dropped = 0;

  constructor(options: LogOptions, { segments, handle, next }: Found) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? Math.min(SEGMENT, Math.floor(options.maxBytes / 8));
    this.segments = [...segments];
    this.#handle = handle;
    this.next = next === 0 ? (options.start ?? 1) : next;
    this.first = segments[0]?.head.first ?? this.next;
    this.synced = this.next - 1;
    this.#marked = segments.length > 0;
  }

  /** What the disk had at opening counts as safe: now it is. */
  async ready(): Promise<void> {
    await this.#options.disk?.look();
    await this.#handle?.datasync();
    await syncDirectory(this.#options.directory);
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, this.#pendingBytes);
  }

  append(data: Uint8Array): number {
    this.#check();
    const { directory, maxRecord = MAX_RECORD } = this.#options;
    if (data.length > Math.min(maxRecord, LONGEST)) {
      throw externalError('log.too-large', `a record of ${data.length} bytes; ${directory} takes ${maxRecord}`);
    }
    if (!this.#makeRoom(RECORD + data.length)) {
      throw externalError(
        'log.full',
        `the log in ${directory} has reached its bound of ${this.#options.maxBytes} bytes`,
        {
          retry: true,
        },
      );
    }
    const sequence = this.next++;
    // the segment that it will be in, and so its salt, is known only when it is written
    const record = Buffer.allocUnsafe(data.length);
    record.set(data);
    this.#pending.push({ record, sequence });
    this.#pendingBytes += RECORD + data.length;
    this.#options.disk?.promise(RECORD + data.length);
    if (this.#pendingBytes >= WRITE_AT) this.#kick();
    return sequence;
  }

  room(bytes: number): Promise<void> | undefined {
    this.#check();
    const { maxBytes, onFull, disk } = this.#options;
    const full = onFull !== 'drop-oldest' && this.bytes + RECORD + bytes > maxBytes;
    if (!full && this.#pendingBytes < PATIENCE_AT) {
      const room = disk?.room(RECORD + bytes);
      if (disk?.isShort(RECORD + bytes) === true) this.#makeSmall();
      // what others on the disk are to see, and only what is in files can be given up
      if (room !== undefined && this.#pendingBytes > 0) this.#kick();
      return this.#canDrop ? undefined : room;
    }
    if (this.#pendingBytes > 0) this.#kick();
    if (this.#room === undefined) {
      this.#room = Promise.withResolvers();
      // whoever asked may not wait for it after all
      this.#room.promise.catch(() => undefined);
    }
    return this.#room.promise;
  }

  sync(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const sequence = this.next - 1;
    if (this.synced >= sequence) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ sequence, done });
    this.#kick();
    return done.promise;
  }

  read(from: number): LogReader {
    this.#check();
    if (from > this.next) throw internalError('log.trimmed', `${from} is after the end of the log, ${this.next}`);
    return new DiskReader(this, from);
  }

  trim(sequence: number): Promise<void> {
    this.#check();
    this.first = Math.min(Math.max(this.first, sequence), this.next);
    const last = this.segments.at(-1);
    if (last !== undefined && this.first === this.next && last.bytes > this.#segmentBytes / 4) {
      this.#renew = true;
      this.#kick();
    }
    return this.#removeTrimmed();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.sync();
      await this.#trimming;
      while (this.#isWriting) await this.#writer;
      this.#closed = true;
      await this.#mark();
    } finally {
      this.#closed = true;
      this.#options.disk?.keep(this.#pendingBytes, true);
      this.#roomChanged();
      await this.#handle?.close();
      this.#handle = undefined;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw externalError('log.closed', `the log in ${this.#options.directory} is closed`);
  }

  /** Room is given back a file at a time: one that most of the log is in would keep it to itself, as long as nothing more is written. */
  #makeSmall(): void {
    const last = this.segments.at(-1);
    if (last === undefined || this.#renew || last.bytes * SMALL < this.bytes || last.bytes <= HEADER) return;
    this.#renew = true;
    this.#kick();
  }

  get #canDrop(): boolean {
    return this.#options.onFull === 'drop-oldest' && this.segments.length > 1;
  }

  /** Under `drop-oldest` whole files are given up until there is room, within the bound and on the disk. */
  #makeRoom(bytes: number): boolean {
    const { maxBytes, onFull, disk } = this.#options;
    while (this.bytes + bytes > maxBytes || (this.#canDrop && disk?.isShort(bytes) === true)) {
      const [oldest, second] = this.segments;
      if (onFull !== 'drop-oldest') return false;
      if (second === undefined) return true;
      disk?.giveBack(oldest?.bytes ?? 0);
      this.dropped += Math.max(0, second.head.first - this.first);
      this.first = Math.max(this.first, second.head.first);
      void this.#removeTrimmed().catch((error: unknown) => this.#fail(error));
    }
    return true;
  }

  /** Takes files that hold only what is trimmed out of the list at once, and from the disk in order. */
  #removeTrimmed(): Promise<void> {
    const gone: Segment[] = [];
    for (
      let second = this.segments[1];
      second !== undefined && second.head.first <= this.first;
      second = this.segments[1]
    ) {
      const segment = this.segments.shift();
      if (segment !== undefined) gone.push(segment);
    }
    if (gone.length === 0) return this.#trimming;
    this.#roomChanged();
    const before = this.#trimming;
    const removing = (async () => {
      await before;
      for (const { path } of gone) {
        await rm(path, { force: true });
        await syncDirectory(this.#options.directory);
      }
    })();
    this.#trimming = removing.catch(() => undefined);
    return removing;
  }

  #roomChanged(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #kick(): void {
    if (this.#isWriting || this.#failure !== undefined) return;
    this.#isWriting = true;
    this.#writer = this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (this.#pending.length > 0 || this.#waiting.length > 0 || this.#renew) {
        if (this.#pending.length > 0) await this.#writeSome();
        else if (this.#renew) await this.#beginSmall();
        const [oldest] = this.#waiting;
        if (oldest !== undefined && oldest.sequence < (this.#pending[0]?.sequence ?? this.next)) await this.#makeSafe();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // in the same turn as the last look at what waits, so that nobody who comes then is missed
      this.#isWriting = false;
    }
  }

  /** As many of the pending records as go into the file. */
  async #writeSome(): Promise<void> {
    const [head] = this.#pending;
    const last = this.segments.at(-1);
    const fits = last !== undefined && last.bytes + RECORD + (head?.record.length ?? 0) <= this.#segmentBytes;
    const segment = fits || last?.bytes === HEADER ? last : await this.#begin();
    const records: Buffer[] = [];
    let { bytes } = segment;
    for (const { record, sequence } of this.#pending) {
      const length = RECORD + record.length;
      const enough = bytes + length > this.#segmentBytes || bytes - segment.bytes + length > WRITE_BYTES;
      if (records.length > 0 && (enough || records.length === WRITE_RECORDS)) break;
      records.push(encodeRecord(record, sequence, this.synced, segment.head));
      bytes += length;
    }
    await writeAll(this.#handle, records, segment.bytes);
    this.#marked = false;
    this.#pending.splice(0, records.length);
    this.#pendingBytes -= bytes - segment.bytes;
    this.#options.disk?.keep(bytes - segment.bytes);
    segment.bytes = bytes;
    if (this.#pendingBytes < PATIENCE_AT) this.#roomChanged();
  }

  async #makeSafe(): Promise<void> {
    const upTo = (this.#pending[0]?.sequence ?? this.next) - 1;
    await this.#datasync();
    this.synced = upTo;
    const ready = this.#waiting.filter(({ sequence }) => sequence <= upTo);
    this.#waiting = this.#waiting.filter(({ sequence }) => sequence > upTo);
    for (const { done } of ready) done.resolve();
  }

  /** After a failed sync nobody knows what of the file is on the disk, and asking again would not tell. */
  async #datasync(): Promise<void> {
    try {
      await this.#handle?.datasync();
    } catch (error) {
      const message = `the log in ${this.#options.directory} cannot be made safe: ${messageOf(error)}`;
      throw externalError('log.failed', message, { cause: error });
    }
  }

  /** A new file, behind the last one, which is safe from then on. */
  async #begin(): Promise<Segment> {
    const { directory, ports = realPorts } = this.#options;
    const previous = this.segments.at(-1);
    const written = this.#pending[0]?.sequence ?? this.next;
    this.#renew = false;
    if (previous?.head.first === written) return previous;
    await this.#datasync();
    this.synced = written - 1;
    const head: SegmentHead = {
      first: written,
      previous: previous?.head.first ?? 0,
      previousBytes: previous?.bytes ?? 0,
      salt: Math.floor(ports.random() * 2 ** 32),
    };
    const segment = { path: join(directory, segmentName(written)), head, bytes: HEADER };
    const handle = await open(segment.path, 'w+');
    try {
      await writeAll(handle, [encodeHead(head)], 0);
      await handle.datasync();
      await syncDirectory(directory);
    } catch (error) {
      await handle.close();
      await rm(segment.path, { force: true });
      throw error;
    }
    await this.#handle?.close();
    this.#handle = handle;
    this.segments.push(segment);
    await this.#removeTrimmed();
    return segment;
  }

  /** A disk that has no room even for that may have it later, and then it is asked for again. */
  async #beginSmall(): Promise<void> {
    try {
      await this.#begin();
    } catch (error) {
      this.#renew = false;
      const failure = this.#errorOf(error);
      if (!failure.retry) throw failure;
    }
  }

  /** Says that everything was safe, for whoever opens the log next. */
  async #mark(): Promise<void> {
    const last = this.segments.at(-1);
    if (last === undefined || this.#marked) return;
    const mark = encodeRecord(undefined, this.next, this.synced, last.head);
    await writeAll(this.#handle, [mark], last.bytes);
    last.bytes += mark.length;
    await this.#datasync();
  }

  #fail(error: unknown): void {
    const failure = this.#errorOf(error);
    if (!failure.retry) this.#failure = failure;
    for (const { done } of this.#waiting.splice(0)) done.reject(failure);
    this.#room?.reject(failure);
    this.#room = undefined;
  }

  #errorOf(error: unknown): CloudskinError {
    if (error instanceof CloudskinError) return error;
    const { directory } = this.#options;
    const code = systemCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return externalError('log.disk-full', `no space left for the log in ${directory}`, { retry: true, cause: error });
    }
    return externalError('log.failed', `the log in ${directory} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function writeAll(handle: FileHandle | undefined, parts: readonly Buffer[], position: number): Promise<void> {
  if (handle === undefined) throw internalError('log.closed', 'the log has no file');
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const { bytesWritten } = await handle.writev([...parts], position);
  if (bytesWritten === total) return;
  // cut short, as by a disk that is nearly full: the rest says why
  const rest = Buffer.concat(parts).subarray(bytesWritten);
  for (let at = 0; at < rest.length; ) {
    const { bytesWritten: more } = await handle.write(rest, at, rest.length - at, position + bytesWritten + at);
    at += more;
  }
}

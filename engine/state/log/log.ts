/**
 * A log on an agent's own disk: numbered records, appended, made safe in groups, read from any number on, trimmed from the front. Journals of sources that cannot
 * replay and the near side of durable streams are kept in one. `log/disk.ts` keeps it in files, `log/memory.ts` in memory
 * for simulations.
 *
 *     trimmed | first ......... synced | next
 *             | readable, survives     | appended: lost in a crash
 *
 * A log has one owner, who makes all the calls. Errors are `CloudskinError`: `log.full`, `log.too-large`, `log.trimmed`, `log.corrupt` (a record that
 * was safe has changed or is missing; it is named, never skipped), `log.lost` (the log ends before what its owner knows to have been
 * safe), `log.disk-full`, `log.failed` (the disk does not do what it says: the log takes nothing more), `log.closed`.
 */

/**
 * What `append` does where the bound in bytes is reached: throws `log.full`, or gives up the oldest records, counted in `dropped`; then a record that
 * is larger than what could be given up is taken all the same.
 */
export type LogPolicy = 'refuse' | 'drop-oldest';

export interface LogLimits {
  /** Of everything that the log keeps, headers included. */
  readonly maxBytes: number;
  /** `refuse` unless given. */
  readonly onFull?: LogPolicy;
  /** Of one record; 64 MiB unless given. */
  readonly maxRecord?: number;
  /** Bytes of a piece, in which room is given back; 16 MiB or an eighth of the bound unless given. */
  readonly segmentBytes?: number;
}

export interface LogRecord {
  readonly sequence: number;
  /** The receiver's own. */
  readonly data: Uint8Array;
}

export interface RecordLog {
  /** The number of the oldest record kept; `next` where there is none. After reopening it may be lower than it was. */
  readonly first: number;
  /** The number that the next record will have. */
  readonly next: number;
  /** Everything up to this number, included, survives a power failure. */
  readonly synced: number;
  readonly bytes: number;
  /** Records given up because of the bound. */
  readonly dropped: number;
  /** Takes the bytes before it returns and numbers them. Never waits: who appends much asks `room` first. */
  append(data: Uint8Array): number;
  /**
   * A promise while `bytes` more would exceed the bound (under `refuse`), or while too much waits to be written; undefined where there is room. It
   * resolves when that may have changed, and rejects as `sync` does.
   */
  room(bytes: number): Promise<void> | undefined;
  /** Resolves when everything appended so far is safe; one write to the disk serves all who wait. After `log.disk-full` it may be called again. */
  sync(): Promise<void>;
  /** Reads on from a number between `first` and `next`; sees what is synced. Throws `log.trimmed`. */
  read(from: number): LogReader;
  /** Forgets what comes before `sequence`. Room is given back in pieces of a segment. */
  trim(sequence: number): Promise<void>;
  /** Syncs and closes. */
  close(): Promise<void>;
}

export interface LogReader {
  /** The next record; undefined where no more is synced yet: after the next `sync` there may be one. Rejects with `log.corrupt`, and with `log.trimmed` where the log was trimmed past the reader. */
  next(): Promise<LogRecord | undefined>;
  close(): Promise<void>;
}

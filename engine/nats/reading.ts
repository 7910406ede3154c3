/** How a stream is read by what is built of streams, whatever the implementation: all messages or the last of every subject, told as they come. */
import type { CloudskinError } from '../errors.ts';
import { closed } from './failures.ts';
import type { ReadOptions, StoredMessage, StreamReader } from './nats.ts';

export interface ReaderOptions extends ReadOptions {
  /** Only the last message of every subject first, then all that follow. */
  readonly lastPerSubject?: boolean;
  /** Called once, when everything that was there at the beginning has been handed out. */
  readonly caughtUp?: () => void;
  /** Called instead of queueing for `next`. */
  readonly deliver?: (message: StoredMessage) => void;
  /** Called once where reading cannot go on. */
  readonly failed?: (error: CloudskinError) => void;
  /** Called once when no more comes, whatever the reason. */
  readonly closed?: () => void;
}

/** Resolves when the stream is being read; rejects with a `CloudskinError`. */
export type OpenReader = (options: ReaderOptions) => Promise<StreamReader>;

/** The last message of every subject that matches, as `stream` is now, which `open` reads. */
export async function lastOfEach(open: OpenReader, stream: string, filter: string): Promise<readonly StoredMessage[]> {
  const found: StoredMessage[] = [];
  const done = Promise.withResolvers<void>();
  // it may be settled before the reader is open, when nobody waits for it yet
  done.promise.catch(() => undefined);
  const reader = await open({
    filter,
    lastPerSubject: true,
    deliver: (message) => found.push(message),
    caughtUp: done.resolve,
    failed: done.reject,
    closed: () => done.reject(closed(`reading ${stream}`)),
  });
  try {
    await done.promise;
  } finally {
    reader.close();
  }
  return found;
}

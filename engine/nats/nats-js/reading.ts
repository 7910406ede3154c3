/** Ways to read a stream with a `Reader`: from some place on, and the last message of every subject. */
import { externalError } from '../../errors.ts';
import type { StoredMessage } from '../nats.ts';
import type { JetStreamCalls } from './api.ts';
import { Reader, type ReaderOptions } from './reader.ts';

export async function openReader(calls: JetStreamCalls, stream: string, options: ReaderOptions): Promise<Reader> {
  const reader = new Reader(calls, stream, options);
  await reader.open();
  return reader;
}

/** The last message of every subject that matches, as the stream is now. */
export async function lastOfEach(calls: JetStreamCalls, stream: string, filter: string): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  const done = Promise.withResolvers<void>();
  // it may be settled before the reader is open, when nobody waits for it yet
  done.promise.catch(() => undefined);
  const reader = await openReader(calls, stream, {
    filter,
    lastPerSubject: true,
    deliver: (message) => found.push(message),
    caughtUp: done.resolve,
    failed: done.reject,
    closed: () => done.reject(externalError('nats.closed', `reading ${stream}: the connection is closed`)),
  });
  try {
    await done.promise;
  } finally {
    reader.close();
  }
  return found;
}

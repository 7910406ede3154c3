/** Compare-and-set of a key in a bucket: how everything is changed that several may change. */
import { CloudskinError } from '../errors.ts';
import type { KeyValue } from './nats.ts';

/** Writes where the key stands at `revision`, 0 where there is none; resolves to the new revision, rejects with `nats.wrong-revision`. */
export function compareAndSet(bucket: KeyValue, key: string, value: Uint8Array, revision: number): Promise<number> {
  return revision === 0 ? bucket.create(key, value) : bucket.update(key, value, revision);
}

/** Whether somebody else wrote first. */
export function isWrongRevision(error: unknown): boolean {
  return error instanceof CloudskinError && error.code === 'nats.wrong-revision';
}

/**
 * A bucket that its server may lose, with everything in it: a server that was restored from a disk of before the bucket was made has none. The first call
 * that misses it makes it anew and is tried once more; what was in it is for those to put back who have copies.
 */
import { CloudskinError } from '../errors.ts';

/** `no-responders`: how the lack of a stream looks to who publishes to it or reads directly. */
const LOST: ReadonlySet<string> = new Set(['nats.no-stream', 'nats.no-responders']);

/** `open` makes the bucket where there is none; all methods of `T` return promises. Rejects as `open` does. */
export async function remade<T extends object>(open: () => Promise<T>): Promise<T> {
  let bucket = await open();
  const call = async (name: PropertyKey, parameters: readonly unknown[]): Promise<unknown> => {
    const method: unknown = Reflect.get(bucket, name);
    if (typeof method !== 'function') throw new TypeError(`a bucket has no method ${String(name)}`);
    return Reflect.apply(method, bucket, parameters);
  };
  const retried = async (name: PropertyKey, parameters: readonly unknown[]): Promise<unknown> => {
    try {
      return await call(name, parameters);
    } catch (error) {
      if (!(error instanceof CloudskinError) || !LOST.has(error.code)) throw error;
      bucket = await open();
      return await call(name, parameters);
    }
  };
  return new Proxy(bucket, {
    get(_, name) {
      // who awaits it must not take it for a promise
      if (typeof Reflect.get(bucket, name) !== 'function') return Reflect.get(bucket, name);
      return (...parameters: unknown[]) => retried(name, parameters);
    },
  });
}

/**
 * Blobs as objects of a NATS object store. What JetStream promises of a disk is all that this store can promise. An object that has lost some of its chunks is
 * none: to ask again later would not make it whole.
 */
import { CloudskinError } from '../../errors.ts';
import type { Objects } from '../../nats/nats.ts';
import type { BlobStore } from './blobs.ts';
import { checkName, readFailed, writeFailed } from './names.ts';

export function objectsStore(objects: Objects, bucket: string): BlobStore {
  const description = `objects ${bucket}`;
  return {
    description,
    async put(name, parts) {
      try {
        await objects.put(checkName(name), parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts));
      } catch (error) {
        throw writeFailed(description, name, error);
      }
    },
    async get(name) {
      try {
        return await objects.get(checkName(name));
      } catch (error) {
        if (error instanceof CloudskinError && error.code === 'nats.object-damaged') return undefined;
        throw readFailed(description, name, error);
      }
    },
    async list(prefix) {
      try {
        return [...(await objects.list(prefix))].sort();
      } catch (error) {
        throw readFailed(description, `${prefix}…`, error);
      }
    },
    async delete(name) {
      try {
        await objects.delete(checkName(name));
      } catch (error) {
        throw writeFailed(description, name, error);
      }
    },
  };
}

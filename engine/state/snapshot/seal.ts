/** Sealed files: the one blob of a store that is the file. */
import { CloudskinError } from '../../errors.ts';
import type { BlobStore } from '../blobs/blobs.ts';
import { encryptedStore } from '../blobs/encrypted.ts';
import { damaged } from './errors.ts';
import { SEALED_NAME } from './format.ts';

export async function seal(parts: readonly Uint8Array[], key: Uint8Array): Promise<readonly Uint8Array[]> {
  const file = new OneBlob([]);
  await encryptedStore(file, key).put(SEALED_NAME, parts);
  return file.parts;
}

/** Rejects with `snapshot.damaged`, `state.wrong-key` or `state.not-sealed`. */
export async function unseal(bytes: Uint8Array, key: Uint8Array, name: string): Promise<Uint8Array> {
  try {
    return (await encryptedStore(new OneBlob([bytes]), key).get(SEALED_NAME)) ?? new Uint8Array(0);
  } catch (error) {
    if (!(error instanceof CloudskinError)) throw error;
    if (error.code === 'state.sealed') throw damaged(name, 'it cannot be decrypted');
    const { domain, hint } = error;
    const problem = error.code === 'state.wrong-key' ? 'was sealed with another key' : 'is not sealed';
    throw new CloudskinError(error.code, `${name} ${problem}`, { domain, ...(hint === undefined ? {} : { hint }) });
  }
}

class OneBlob implements BlobStore {
  readonly description = 'the snapshot';
  parts: readonly Uint8Array[];

  constructor(parts: readonly Uint8Array[]) {
    this.parts = parts;
  }

  async put(_: string, parts: readonly Uint8Array[]): Promise<void> {
    this.parts = parts;
  }

  async get(): Promise<Uint8Array | undefined> {
    return this.parts[0];
  }

  async list(): Promise<readonly string[]> {
    return [SEALED_NAME];
  }

  async delete(): Promise<void> {
    this.parts = [];
  }
}

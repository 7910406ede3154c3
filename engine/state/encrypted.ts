/**
 * Blobs encrypted with AES-256-GCM (NIST SP 800-38D). The name is bound in as additional data, so that no blob passes for another.
 *
 *     | "CSE1" | nonce, 12 bytes, random | ciphertext ... | tag, 16 bytes |
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { externalError, userError } from '../errors.ts';
import type { BlobStore } from './blobs.ts';

const MAGIC = Buffer.from('CSE1', 'latin1');
const NONCE = 12;
const TAG = 16;

/** The key that a key file holds: 32 bytes as they are, or as 64 hexadecimal digits, or in base64. Throws `state.key`. */
export function parseKey(file: Uint8Array, name: string): Uint8Array {
  if (file.length === 32) return file;
  const text = Buffer.from(file).toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  const decoded = /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined;
  if (decoded?.length === 32) return decoded;
  throw userError(
    'state.key',
    `${name} holds no key: 32 bytes, or as many in hexadecimal digits or base64, are expected`,
    {
      hint: `make one: openssl rand -hex 32 > ${name}`,
    },
  );
}

export function encryptedStore(store: BlobStore, key: Uint8Array): BlobStore {
  const open = (name: string, bytes: Uint8Array): Uint8Array | undefined => decrypt(key, name, bytes);
  return {
    description: store.description,
    async put(name, parts) {
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
      const sealed = parts.map((part) => cipher.update(part));
      sealed.push(cipher.final());
      await store.put(name, [Buffer.concat([MAGIC, nonce]), ...sealed, cipher.getAuthTag()]);
    },
    async get(name) {
      const bytes = await fetchSound(store, name, (candidate) => open(name, candidate) !== undefined);
      if (bytes === undefined) return undefined;
      const plain = open(name, bytes);
      if (plain !== undefined) return plain;
      const hint = 'either it was changed, or the key is not the one that it was written with';
      throw externalError('state.sealed', `${name} in ${store.description} cannot be decrypted`, { hint });
    },
    list: (prefix) => store.list(prefix),
    delete: (name) => store.delete(name),
  };
}

function fetchSound(
  store: BlobStore,
  name: string,
  isSound: (bytes: Uint8Array) => boolean,
): Promise<Uint8Array | undefined> {
  return store.getSound?.(name, isSound) ?? store.get(name);
}

function decrypt(key: Uint8Array, name: string, bytes: Uint8Array): Uint8Array | undefined {
  const start = MAGIC.length + NONCE;
  if (bytes.length < start + TAG || !MAGIC.equals(bytes.subarray(0, MAGIC.length))) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(MAGIC.length, start)).setAAD(Buffer.from(name));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(start, bytes.length - TAG)), decipher.final()]);
  } catch {
    return undefined;
  }
}

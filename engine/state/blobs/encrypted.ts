/**
 * Blobs encrypted with AES-256-GCM (NIST SP 800-38D). Head and name are bound in as additional data, so that no blob passes for another. The key's
 * mark, of an HMAC of the key, tells a wrong key from a changed blob.
 *
 *     | "CSE1" | key's mark, 8 bytes | nonce, 12 bytes, random | ciphertext ... | tag, 16 bytes |
 *
 * Random nonces are good for 2^32 blobs of one key: more than ten years of ten a second.
 */
import { createHmac, randomBytes, webcrypto } from 'node:crypto';
import { type CloudskinError, externalError, userError } from '../../errors.ts';
import { type BlobStore, getSoundOf } from './blobs.ts';
import { plain } from './bytes.ts';

const MAGIC = Buffer.from('CSE1', 'latin1');
const MARK = 8;
const NONCE = 12;
const TAG = 16;
const HEAD = MAGIC.length + MARK + NONCE;

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
    { hint: `make one: openssl rand -hex 32 > ${name}` },
  );
}

/** True for what `encryptedStore` writes. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= HEAD + TAG && MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/** `get` rejects with `state.wrong-key`, `state.not-sealed` (the blob is not encrypted) or `state.sealed` (it was changed). */
export function encryptedStore(store: BlobStore, key: Uint8Array): BlobStore {
  const cipher = new Cipher(key);
  const get: NonNullable<BlobStore['getSound']> = async (name, isSound) => {
    const bytes = await getSoundOf(store, name, async (candidate) => {
      const opened = await cipher.open(name, candidate);
      return opened !== undefined && isSound(opened);
    });
    if (bytes === undefined) return undefined;
    const opened = await cipher.open(name, bytes);
    if (opened !== undefined) return opened;
    throw cipher.problemOf(bytes, `${name} in ${store.description}`);
  };
  return {
    description: store.description,
    async put(name, parts) {
      await store.put(name, await cipher.seal(name, parts));
    },
    get: (name) => get(name, () => true),
    getSound: get,
    list: (prefix) => store.list(prefix),
    delete: (name) => store.delete(name),
  };
}

class Cipher {
  readonly #key: Promise<webcrypto.CryptoKey>;
  readonly #mark: Buffer;

  constructor(key: Uint8Array) {
    this.#key = webcrypto.subtle.importKey('raw', plain(key), 'AES-GCM', false, ['encrypt', 'decrypt']);
    this.#key.catch(() => undefined);
    this.#mark = createHmac('sha256', key).update('cloudskin key mark').digest().subarray(0, MARK);
  }

  async seal(name: string, parts: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const head = Buffer.concat([MAGIC, this.#mark, randomBytes(NONCE)]);
    const [only] = parts;
    const whole = parts.length === 1 && only !== undefined ? plain(only) : Buffer.concat(parts);
    const sealed = await webcrypto.subtle.encrypt(parameters(head, name), await this.#key, whole);
    return [head, new Uint8Array(sealed)];
  }

  /** Undefined where it was changed, or sealed with another key. */
  async open(name: string, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    if (!isSealed(bytes)) return undefined;
    const head = bytes.subarray(0, HEAD);
    try {
      const opened = await webcrypto.subtle.decrypt(
        parameters(head, name),
        await this.#key,
        plain(bytes.subarray(HEAD)),
      );
      return new Uint8Array(opened);
    } catch {
      return undefined;
    }
  }

  problemOf(bytes: Uint8Array, what: string): CloudskinError {
    if (!isSealed(bytes)) {
      return externalError('state.not-sealed', `${what} is not encrypted, though there is a key`, {
        hint: 'it was written without a key, or it was changed',
      });
    }
    if (!this.#mark.equals(bytes.subarray(MAGIC.length, MAGIC.length + MARK))) {
      return externalError('state.wrong-key', `${what} was encrypted with another key`, {
        hint: 'give the key file that it was written with',
      });
    }
    return externalError('state.sealed', `${what} cannot be decrypted: it was changed, or put under another name`);
  }
}

function parameters(head: Uint8Array, name: string): webcrypto.AesGcmParams {
  return {
    name: 'AES-GCM',
    iv: plain(head.subarray(HEAD - NONCE, HEAD)),
    additionalData: Buffer.concat([head, Buffer.from(name)]),
    tagLength: TAG * 8,
  };
}

/**
 * What all documents of the control plane have in common, each a JSON value in KV or in a message. Each says the format it is written in and the
 * oldest that can read it; members that a version does not know are kept when it writes the document again.
 */
import { externalError } from '../../errors.ts';
import { parseValue, stringifyValue } from '../../json.ts';
import { type Read, whole } from './read-json.ts';

/** Rises where a document gains a meaning that older versions must not overlook. */
export const FORMAT = 2;
/** The format in which regions began to go on from others: whoever overlooks that begins at the beginning. */
const ORIGINS = 2;

export interface Versioned {
  readonly format: number;
  /** The oldest format whose readers take this document right. */
  readonly oldest: number;
}

export const versioned: Versioned = { format: FORMAT, oldest: 1 };

/** `hasOrigins`: the document says where else the state of a region is. */
export function versionOf(hasOrigins: boolean): Versioned {
  return { format: FORMAT, oldest: hasOrigins ? ORIGINS : 1 };
}

/** Of `Versioned`, for the shapes of documents. */
export const versions: { readonly [K in keyof Versioned]: Read<number> } = { format: whole, oldest: whole };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeDocument(document: object): Uint8Array {
  return encoder.encode(stringifyValue(document));
}

/** Throws `cluster.bad-document` or `cluster.newer-document`; `what` names it in messages. */
export function decodeDocument<T extends Versioned>(read: Read<T>, bytes: Uint8Array, what: string): T {
  const value = parseBytes(bytes, what);
  const oldest = (value as { readonly oldest?: unknown } | null)?.oldest;
  if (typeof oldest === 'number' && oldest > FORMAT) {
    throw externalError('cluster.newer-document', `${what} was written by a version that this one cannot follow`, {
      hint: 'bring this agent or command to the version of the others',
    });
  }
  return read(value, what);
}

/** The JSON value of a message; throws `cluster.bad-document`. */
export function parseBytes(bytes: Uint8Array, what: string): unknown {
  try {
    return parseValue(decoder.decode(bytes));
  } catch (cause) {
    throw externalError('cluster.bad-document', `${what} is no JSON`, { cause });
  }
}

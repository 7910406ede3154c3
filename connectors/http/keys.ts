/**
 * The keys (header Idempotency-Key) of requests whose rows are safe: a request that comes again under its key is answered as it was the first time, and its rows are
 * not taken again. The latest are remembered, as many and for as long as the options say.
 *
 * A key is known by a hash, and with it what its request held: another request under the same key is a mistake of the sender's
 * (draft-ietf-httpapi-idempotency-key-header-07, section 2.6).
 */
import { createHash } from 'node:crypto';
import type { SourceMemory } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';

/** Characters of a hash, of 6 bits each: of a key, and of a body, which only has to tell a mistake. */
const KEY = 22;
const PRINT = 11;

export interface Key {
  readonly hash: string;
  /** Of the body. */
  readonly print: string;
}

export interface Known {
  readonly print: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** So many of its rows are safe, and more are to come; absent: all are. */
  readonly rows?: number;
}

/** As a note: hash, print, time, and rows where not all are safe. */
type KeyNote = readonly [string, string, number, number?];

interface AllNote {
  readonly all: readonly KeyNote[];
}

export function keyOf(text: string, body: Uint8Array): Key {
  return { hash: hashed(text, KEY), print: hashed(body, PRINT) };
}

export class Keys implements SourceMemory {
  readonly #most: number;
  readonly #lasting: number;
  /** The earliest first. */
  readonly #known = new Map<string, Known>();

  /** `lasting` in milliseconds. */
  constructor(most: number, lasting: number) {
    this.#most = most;
    this.#lasting = lasting;
  }

  get size(): number {
    return this.#known.size;
  }

  find({ hash }: Key, now: number): Known | undefined {
    const known = this.#known.get(hash);
    return known === undefined || this.#isOver(known, now) ? undefined : known;
  }

  note({ hash, print }: Key, at: number, rows: number | undefined): Json {
    return rows === undefined ? [hash, print, at] : [hash, print, at, rows];
  }

  add(note: Json): void {
    const isOne = Array.isArray(note);
    if (!isOne) this.#known.clear();
    for (const one of isOne ? [note as unknown as KeyNote] : (note as unknown as AllNote).all) this.#take(one);
  }

  all(): Json {
    return { all: [...this.#known].map(([hash, { print, at, rows }]) => this.note({ hash, print }, at, rows)) };
  }

  #take([hash, print, at, rows]: KeyNote): void {
    this.#known.delete(hash);
    this.#known.set(hash, rows === undefined ? { print, at } : { print, at, rows });
    for (const [oldest, known] of this.#known) {
      if (this.#known.size <= this.#most && !this.#isOver(known, at)) break;
      this.#known.delete(oldest);
    }
  }

  #isOver({ at }: Known, now: number): boolean {
    return at < now - this.#lasting;
  }
}

function hashed(data: string | Uint8Array, characters: number): string {
  return createHash('sha256').update(data).digest('base64url').slice(0, characters);
}

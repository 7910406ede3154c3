/** Which subscriptions a subject reaches. */
import type { CloudskinError } from '../../../engine/errors.ts';
import type { Headers, Published } from '../../../engine/nats/nats.ts';

/** A stream's answer to a publication. */
export type Acknowledgement = Published | { readonly error: CloudskinError };

/** A message on its way. */
export interface Packet {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Headers;
  readonly reply: string;
  /** 503: nobody listens there. */
  readonly status?: 503;
  readonly ack?: Acknowledgement;
}

/** Of a message beside its payload, about. */
export function sizeOf(packet: Packet): number {
  return packet.data.length + packet.subject.length + 32;
}

export interface Listener {
  readonly pattern: string;
  /** `''` where it is in no queue group. */
  readonly queue: string;
  take(packet: Packet): void;
}

export function hasWildcard(pattern: string): boolean {
  return /(^|\.)[*>](\.|$)/.test(pattern);
}

/** `*` is one word, `>` at the end one or more. */
export function matches(pattern: string, subject: string): boolean {
  if (pattern === subject || pattern === '>') return true;
  let at = 0;
  let from = 0;
  for (;;) {
    const end = pattern.indexOf('.', at);
    const word = pattern.slice(at, end === -1 ? pattern.length : end);
    if (from > subject.length) return false;
    if (word === '>' && end === -1) return true;
    const stop = subject.indexOf('.', from);
    const until = stop === -1 ? subject.length : stop;
    if (word !== '*' && subject.slice(from, until) !== word) return false;
    if (end === -1) return stop === -1;
    at = end + 1;
    from = stop === -1 ? subject.length + 1 : stop + 1;
  }
}

/** True where some subject matches both. */
export function overlap(one: string, other: string): boolean {
  const [left, right] = [one.split('.'), other.split('.')];
  for (let index = 0; ; index += 1) {
    const [a, b] = [left[index], right[index]];
    if (a === undefined || b === undefined) return a === b;
    if (a === '>' || b === '>') return true;
    if (a !== b && a !== '*' && b !== '*') return false;
  }
}

/** The listeners of a server. */
export class Interest {
  readonly #literal = new Map<string, Set<Listener>>();
  readonly #patterns = new Set<Listener>();

  add(listener: Listener): void {
    if (hasWildcard(listener.pattern)) {
      this.#patterns.add(listener);
      return;
    }
    const there = this.#literal.get(listener.pattern);
    if (there === undefined) this.#literal.set(listener.pattern, new Set([listener]));
    else there.add(listener);
  }

  delete(listener: Listener): void {
    this.#patterns.delete(listener);
    const there = this.#literal.get(listener.pattern);
    if (there?.delete(listener) === true && there.size === 0) this.#literal.delete(listener.pattern);
  }

  clear(): void {
    this.#literal.clear();
    this.#patterns.clear();
  }

  all(): Listener[] {
    return [...[...this.#literal.values()].flatMap((set) => [...set]), ...this.#patterns];
  }

  of(subject: string): Listener[] {
    const found: Listener[] = [];
    for (const listener of this.#literal.get(subject) ?? []) found.push(listener);
    for (const listener of this.#patterns) if (matches(listener.pattern, subject)) found.push(listener);
    return found;
  }
}

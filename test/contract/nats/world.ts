/**
 * What test/contract/nats needs of the world around an implementation of engine/nats/nats.ts: one server with JetStream, clients, and ways
 * to harm both. A world that cannot do something says why, and the tests that need it are skipped by that name.
 */
import type { Nats } from '../../../engine/nats/nats.ts';

export interface NatsWorld {
  connect(): Promise<Nats>;
  /** The client's connection is lost and does not come back before `heal`; resolves when the client has noticed. */
  cut(nats: Nats): Promise<void>;
  /** Resolves when the client is connected again. */
  heal(nats: Nats): Promise<void>;
  /** The server is killed and started again with its disk; resolves when it takes clients. */
  restart(): Promise<void>;
  /** A copy of the server's disk as it is now. */
  backup(): Promise<unknown>;
  /** The server is killed and started again with that older disk. */
  restore(backup: unknown): Promise<void>;
  /** Lets time pass, by the server's clock. */
  pass(milliseconds: number): Promise<void>;
  /** Milliseconds since the epoch, by the server's clock. */
  now(): number;
  /** Ends everything, clients included. */
  close(): Promise<void>;
}

export interface NatsWorldMaker {
  /** For the suite's name: `the simulation`. */
  readonly name: string;
  /** Why the whole suite cannot run here. */
  readonly missing?: string;
  make(): Promise<NatsWorld>;
}

/** What comes in, in order, and somebody who waits for it: an event instead of a sleep. */
export class Collected<T> {
  readonly items: T[] = [];
  #waiting: { readonly count: number; resolve(): void }[] = [];

  readonly add = (item: T): void => {
    this.items.push(item);
    const ready = this.#waiting.filter(({ count }) => this.items.length >= count);
    this.#waiting = this.#waiting.filter(({ count }) => this.items.length < count);
    for (const { resolve } of ready) resolve();
  };

  /** Resolves with all of them when there are at least `count`. */
  async atLeast(count: number): Promise<readonly T[]> {
    if (this.items.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    }
    return this.items;
  }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

let names = 0;

/** A name that no test before has used: tests of a suite share a server. */
export function fresh(prefix: string): string {
  names += 1;
  return `${prefix}${names}`;
}

/** Calls until it is carried out, as a caller does whose answer may have been lost. */
export async function surely<T>(world: NatsWorld, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if ((error as { retry?: boolean }).retry !== true) throw error;
      await world.pass(20);
    }
  }
}

/** Lets time pass until it is so. */
export async function passUntil(world: NatsWorld, isSo: () => Promise<boolean>): Promise<void> {
  for (let passed = 0; passed < 30_000 && !(await isSo()); passed += 50) await world.pass(50);
}

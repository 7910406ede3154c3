/**
 * The disk of a simulated process: blobs that outlive it. A put takes a while and is there as a whole or not at all when the process is killed meanwhile;
 * the disk may be full, have bytes turned over, or be put back to what it was.
 */

import type { BlobStore } from '../../../engine/state/blobs/blobs.ts';
import { checkName, readFailed, writeFailed } from '../../../engine/state/blobs/names.ts';
import type { SimulatedNode } from '../nats/node.ts';
import type { SeededRandom } from '../nats/random.ts';

export type DiskImage = ReadonlyMap<string, Uint8Array>;

/** Milliseconds of one operation, at most. */
const SLOWEST = 4;

export class SimulatedDisk {
  /** Nothing more can be written. */
  full = false;
  /** Nothing can be read or written. */
  broken = false;
  #files = new Map<string, Uint8Array>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** A copy of it as it is. */
  image(): DiskImage {
    return new Map(this.#files);
  }

  restore(image: DiskImage): void {
    this.#files = new Map(image);
  }

  /** Turns a byte of a blob over. False where there is no such blob, or nothing in it. */
  corrupt(name: string, random: SeededRandom): boolean {
    const bytes = this.#files.get(name)?.slice();
    if (bytes === undefined || bytes.length === 0) return false;
    const at = random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
    this.#files.set(name, bytes);
    return true;
  }

  /** As one process sees a directory of it; its calls never end once the process is dead. */
  open(node: SimulatedNode, directory: string): BlobStore {
    const description = `disk ${this.#name}/${directory}`;
    const path = (name: string): string => `${directory}/${checkName(name)}`;
    const wait = (): Promise<void> => new Promise((resolve) => node.after(node.random.next() * SLOWEST, resolve));
    const refuse = (code: string): Error => Object.assign(new Error(code), { code });
    return {
      description,
      put: async (name, parts) => {
        const file = path(name);
        const bytes = new Uint8Array(Buffer.concat(parts));
        await wait();
        if (this.full || this.broken) throw writeFailed(description, name, refuse(this.full ? 'ENOSPC' : 'EIO'));
        this.#files.set(file, bytes);
        await wait();
      },
      get: async (name) => {
        const file = path(name);
        await wait();
        if (this.broken) throw readFailed(description, name, refuse('EIO'));
        return this.#files.get(file)?.slice();
      },
      list: async (prefix) => {
        await wait();
        if (this.broken) throw readFailed(description, prefix, refuse('EIO'));
        const start = `${directory}/`;
        const names = [...this.#files.keys()].filter((name) => name.startsWith(`${start}${prefix}`));
        return names.map((name) => name.slice(start.length)).sort();
      },
      delete: async (name) => {
        const file = path(name);
        await wait();
        if (this.broken) throw writeFailed(description, name, refuse('EIO'));
        this.#files.delete(file);
      },
    };
  }
}

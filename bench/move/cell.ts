/** A stand-in for a cell whose memory is known to the byte: full of random numbers, of which batches change so many pages a second, spread over all. */
import { randomFillSync } from 'node:crypto';
import { PAGE } from '../../engine/state/checkpoint/pages.ts';
import type { FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';

export const NAME = { namespace: 'bench', app: 'move', region: 'all' };

export class MovedCell {
  readonly memory: Buffer<ArrayBuffer>;
  /** Pages a millisecond. */
  readonly #rate: number;
  #due = 0;
  #last = performance.now();
  #batches = 0;

  /** `share`: percent of the pages that change in a second. */
  constructor(memory: Buffer<ArrayBuffer>, share: number) {
    this.memory = memory;
    this.#rate = ((memory.length / PAGE) * share) / 100 / 1000;
  }

  /** What has to change by now. */
  batch(): void {
    const now = performance.now();
    this.#due += (now - this.#last) * this.#rate;
    this.#last = now;
    const pages = this.memory.length / PAGE;
    for (; this.#due >= 1; this.#due -= 1) {
      const page = (Math.imul(this.#batches++, 0x9e37_79b1) >>> 0) % pages;
      const at = page * PAGE + 128;
      this.memory.writeUInt32LE((this.memory.readUInt32LE(at) + 1) >>> 0, at);
    }
  }

  snapshot(): FragmentSnapshot {
    const image = { module: 'bench', memory: this.memory, globals: new Map(), host: null };
    const empty = { sources: new Map(), sinks: new Map(), counters: new Map() };
    return { fragment: 'bench', cells: new Map([['cell', { image }]]), ...empty, partition: 0 };
  }
}

export function fullMemory(bytes: number): Buffer<ArrayBuffer> {
  return randomFillSync(Buffer.alloc(bytes));
}

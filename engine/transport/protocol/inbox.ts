/**
 * Items that wait to be taken. Payloads stay in the datagram that brought them, unless they are so small that they would hold on to much more
 * than themselves; one that lies askew is put straight when it is taken.
 */
import type { Item } from '../transport.ts';

/** Smaller payloads are copied: a datagram may be a view of whatever came in together with it. */
const COPIED = 16 * 1024;

export class Inbox {
  readonly #items: (Item | undefined)[] = [];
  readonly #costs: number[] = [];
  readonly #numbers: number[] = [];
  #head = 0;
  #cost = 0;
  #taken: number;
  #takenCost = 0;
  #aligned: Uint8Array = new Uint8Array(0);

  /** `taken`: the number of the item before the first. */
  constructor(taken: number) {
    this.#taken = taken;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get cost(): number {
    return this.#cost;
  }

  /** The number of the item taken last, and its cost. */
  get taken(): number {
    return this.#taken;
  }

  get takenCost(): number {
    return this.#takenCost;
  }

  /** `number`: greater than that of any item before. */
  put(item: Item, cost: number, number: number): void {
    const small = item.kind === 'batch' && item.payload.length < COPIED;
    this.#items.push(small ? { ...item, payload: new Uint8Array(item.payload) } : item);
    this.#costs.push(cost);
    this.#numbers.push(number);
    this.#cost += cost;
  }

  /** A batch's payload begins at a multiple of 8 in its memory and is valid until the next call. */
  take(): Item | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#takenCost = this.#costs[this.#head] ?? 0;
    this.#cost -= this.#takenCost;
    this.#taken = this.#numbers[this.#head] ?? this.#taken;
    this.#head += 1;
    if (this.#head === this.#items.length) this.#compact(this.#head);
    else if (this.#head >= 1024 && this.#head * 2 > this.#items.length) this.#compact(this.#head);
    if (item.kind !== 'batch' || item.payload.byteOffset % 8 === 0) return item;
    return { ...item, payload: this.#align(item.payload) };
  }

  clear(): void {
    this.#compact(this.#items.length);
    this.#cost = 0;
    this.#aligned = new Uint8Array(0);
  }

  #compact(count: number): void {
    this.#items.splice(0, count);
    this.#costs.splice(0, count);
    this.#numbers.splice(0, count);
    this.#head = 0;
  }

  /** Into memory that has been touched before. */
  #align(payload: Uint8Array): Uint8Array {
    const { length } = payload;
    if (this.#aligned.length < length) this.#aligned = new Uint8Array(length + (length >> 2));
    this.#aligned.set(payload);
    return this.#aligned.subarray(0, length);
  }
}

/**
 * Event-time timers of one operator: a heap of times, each once, bounded. A time taken back stays in the heap until it comes up.
 */
export const MAX_TIMERS = 65_536;

export class Timers {
  readonly #heap: bigint[] = [];
  readonly #live = new Set<bigint>();

  get size(): number {
    return this.#live.size;
  }

  /** False when there are too many. */
  set(time: bigint): boolean {
    if (this.#live.has(time)) return true;
    if (this.#live.size >= MAX_TIMERS) return false;
    this.#live.add(time);
    if (this.#heap.length >= 2 * MAX_TIMERS) this.#rebuild();
    else this.#push(time);
    return true;
  }

  clear(time: bigint): void {
    this.#live.delete(time);
  }

  clearAll(): void {
    this.#live.clear();
    this.#heap.length = 0;
  }

  /** The times that are set, earliest first. */
  list(): bigint[] {
    return [...this.#live].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Takes out the earliest timer that is not after `limit`. */
  take(limit: bigint): bigint | undefined {
    for (let first = this.#heap[0]; first !== undefined && first <= limit; first = this.#heap[0]) {
      this.#pop();
      if (this.#live.delete(first)) return first;
    }
    return undefined;
  }

  /** Drops the times that were taken back. */
  #rebuild(): void {
    this.#heap.length = 0;
    for (const time of this.#live) this.#push(time);
  }

  #push(time: bigint): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(time);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as bigint;
      if (above <= time) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = time;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (let child = 1; child < heap.length; child = at * 2 + 1) {
      const right = heap[child + 1];
      if (right !== undefined && right < (heap[child] as bigint)) child += 1;
      const least = heap[child] as bigint;
      if (last <= least) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

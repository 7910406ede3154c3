/**
 * A virtual clock: everything that happens in a simulation is an event in one queue, ordered by time and, within the same moment, by when it was
 * put there. Between two events all promises that can go on do; so the same seed gives the same run, whatever the machine's own clock says.
 */
import { realPorts, type Timer } from '../../../engine/ports.ts';

class Event implements Timer {
  readonly at: number;
  readonly order: number;
  task: (() => void) | undefined;

  constructor(at: number, order: number, task: () => void) {
    this.at = at;
    this.order = order;
    this.task = task;
  }

  cancel(): void {
    this.task = undefined;
  }
}

export class SimulatedClock {
  /** Milliseconds since the simulation began, with fractions. */
  now = 0;
  /** Events that have happened. */
  steps = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Never before what is due earlier; a time that has passed means now. */
  at(time: number, task: () => void): Timer {
    this.#order += 1;
    const event = new Event(Math.max(time, this.now), this.#order, task);
    this.#push(event);
    return event;
  }

  after(milliseconds: number, task: () => void): Timer {
    return this.at(this.now + Math.max(0, milliseconds), task);
  }

  /** Runs events until `done`, or `until` (milliseconds of this clock) has come. False where nothing is left to happen. */
  async run(done: () => boolean, until: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    await realPorts.turn();
    while (!done()) {
      const next = this.#peek();
      if (next === undefined) return false;
      if (next.at > until) {
        this.now = until;
        return true;
      }
      this.#pop();
      this.now = next.at;
      this.steps += 1;
      next.task?.();
      // microtasks run before the next turn of Node's own loop
      await realPorts.turn();
    }
    return true;
  }

  #peek(): Event | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.task !== undefined) return top;
      this.#pop();
    }
    return undefined;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || before(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, below)) {
        below = right;
        child += 1;
      }
      if (before(last, below)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

function before(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/**
 * What the runtime takes from the world: clock, timers, randomness, a turn of the event loop. Handed in, never reached for, so that
 * a simulation or a test can turn time by hand.
 */

export interface Timer {
  cancel(): void;
}

export interface Ports {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never go back; only differences mean something. */
  monotonic(): number;
  /** Runs `task` once, `milliseconds` from now, unless cancelled. */
  after(milliseconds: number, task: () => void): Timer;
  /** From 0 inclusive to 1 exclusive. */
  random(): number;
  /** Resolves on a later turn of the event loop, when I/O, timers and signals have had theirs. */
  turn(): Promise<void>;
}

/** Longer delays overflow the timers of Node and would fire at once. */
const LONGEST_TIMER = 2_147_483_647;

/** The machine's own. */
export const realPorts: Ports = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, task) {
    const timer = setTimeout(task, Math.min(Math.max(0, milliseconds), LONGEST_TIMER));
    return { cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Resolves after so many milliseconds. */
export function pause(ports: Pick<Ports, 'after'>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    ports.after(milliseconds, resolve);
  });
}

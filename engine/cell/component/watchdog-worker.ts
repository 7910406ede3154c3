/**
 * The watchdog's thread: looks at the deadline words of all cells every few milliseconds while calls are in flight, and makes the word
 * of a call that has run for too long negative. Sleeps while there are none. Never returns to its event loop until it is stopped.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { CONTROL, EXPIRED, isRunning, LIMIT, WORD } from './deadline-word.ts';

export interface WatchdogData {
  readonly control: Int32Array;
  readonly port: MessagePort;
}

export type WatchdogMessage =
  | { readonly kind: 'watch'; readonly id: number; readonly words: Int32Array }
  | { readonly kind: 'forget'; readonly id: number };

interface Watched {
  readonly words: Int32Array;
  /** The word that was seen last, and since when. */
  seen: number;
  since: number;
}

const MIN_POLL_MS = 5;
const MAX_POLL_MS = 100;
/** Looks without a running call after which the thread sleeps. */
const IDLE_LOOKS = 20;

const { control, port } = workerData as WatchdogData;
const watched = new Map<number, Watched>();

function receive(): void {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    const message = next.message as WatchdogMessage;
    if (message.kind === 'watch') watched.set(message.id, { words: message.words, seen: 0, since: 0 });
    else watched.delete(message.id);
  }
}

/** Looks at one cell; true when a call is running there. */
function look(cell: Watched, now: number): boolean {
  const word = Atomics.load(cell.words, WORD);
  if (word !== cell.seen) {
    cell.seen = word;
    cell.since = now;
  }
  if (!isRunning(word)) return false;
  if (now - cell.since >= Atomics.load(cell.words, LIMIT))
    Atomics.compareExchange(cell.words, WORD, word, word | EXPIRED);
  return true;
}

function pollInterval(): number {
  let least = MAX_POLL_MS;
  for (const { words } of watched.values()) least = Math.min(least, Atomics.load(words, LIMIT) / 20);
  return Math.max(MIN_POLL_MS, least);
}

/** True when any call was seen running or has ended since the last look. */
function lookAtAll(now: number): boolean {
  let busy = false;
  for (const cell of watched.values()) {
    const before = cell.seen;
    if (look(cell, now) || cell.seen !== before) busy = true;
  }
  return busy;
}

for (let idle = 0; Atomics.load(control, CONTROL.stopped) === 0; ) {
  receive();
  idle = lookAtAll(performance.now()) ? 0 : idle + 1;
  if (idle < IDLE_LOOKS) {
    Atomics.wait(control, CONTROL.stopped, 0, pollInterval());
    continue;
  }
  Atomics.store(control, CONTROL.asleep, 1);
  // A call that began before it could see that the thread sleeps is seen here.
  if (!lookAtAll(performance.now())) Atomics.wait(control, CONTROL.asleep, 1);
  Atomics.store(control, CONTROL.asleep, 0);
  idle = 0;
}
port.close();

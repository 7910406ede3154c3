/**
 * The watchdog's thread: looks at the deadline word of the thread that started it every few milliseconds while calls are in flight, and makes
 * the word of a call that has run for too long negative. Sleeps while there are none. Never returns to its event loop until it is stopped.
 */
import { workerData } from 'node:worker_threads';
import { ASLEEP, EXPIRED, isRunning, LIMIT, WATCHDOG, WORD } from './deadline-word.ts';

export interface WatchdogData {
  readonly words: Int32Array;
  readonly number: number;
}

const MIN_POLL_MS = 5;
const MAX_POLL_MS = 100;
/** Looks without a running call after which the thread sleeps. */
const IDLE_LOOKS = 20;

const { words, number } = workerData as WatchdogData;
/** The word that was seen last, and since when. */
let seen = 0;
let since = 0;

/** True when a call was seen running or has ended since the last look. */
function look(now: number): boolean {
  const word = Atomics.load(words, WORD);
  const changed = word !== seen;
  if (changed) {
    seen = word;
    since = now;
  }
  if (!isRunning(word)) return changed;
  if (now - since >= Atomics.load(words, LIMIT)) Atomics.compareExchange(words, WORD, word, word | EXPIRED);
  return true;
}

function pollInterval(): number {
  return Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, Atomics.load(words, LIMIT) / 20));
}

for (let idle = 0; Atomics.load(words, WATCHDOG) === number; ) {
  idle = look(performance.now()) ? 0 : idle + 1;
  if (idle < IDLE_LOOKS) {
    Atomics.wait(words, WATCHDOG, number, pollInterval());
    continue;
  }
  Atomics.store(words, ASLEEP, 1);
  // A call that began before it could see that the thread sleeps is seen here.
  if (!look(performance.now())) Atomics.wait(words, ASLEEP, 1);
  Atomics.store(words, ASLEEP, 0);
  idle = 0;
}

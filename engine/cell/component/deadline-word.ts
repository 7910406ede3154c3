/**
 * The word through which a call's owner, the watchdog's thread and the guest's own code agree on whether a call may go on. It lies at
 * address 0 of the cell's deadline memory (see `rewrite.ts`):
 *
 *   even        no call is running
 *   odd         a call is running; a later call has another number
 *   negative    the call with that number is to trap: the highest bit is set by compare-and-exchange, so that only this call is hit
 */
export const WORD = 0;
/** The call's time limit in milliseconds, in the next word. */
export const LIMIT = 1;
export const NUMBER_MASK = 0x7fff_ffff;
export const EXPIRED = -0x8000_0000;

/** Words shared by the process's calls and the watchdog's thread. */
export const CONTROL = {
  /** 1 while the thread sleeps until a call wakes it. */
  asleep: 0,
  /** 1 once the thread is to end. */
  stopped: 1,
} as const;

/** True for the word of a running call that has not expired. */
export function isRunning(word: number): boolean {
  return word > 0 && (word & 1) === 1;
}

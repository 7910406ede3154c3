/**
 * The word through which a call's owner, the watchdog's thread and the guest's own code agree on whether a call may go on. It lies at
 * address 0 of a memory that all guests of a thread import (see `rewrite.ts`), since a thread is in one call at a time:
 *
 *   even        no call is running
 *   odd         a call is running; a later call has another number
 *   negative    the call with that number is to trap: the highest bit is set by compare-and-exchange, so that only this call is hit
 */
export const WORD = 0;
/** The limit in milliseconds of the call that runs, or ran last. */
export const LIMIT = 1;
/** 1 while the watchdog's thread sleeps until a call wakes it. */
export const ASLEEP = 2;
/** The number of the watchdog's thread that is to run; any other ends. */
export const WATCHDOG = 3;
export const NUMBER_MASK = 0x7fff_ffff;
export const EXPIRED = -0x8000_0000;

/** True for the word of a running call that has not expired. */
export function isRunning(word: number): boolean {
  return word > 0 && (word & 1) === 1;
}

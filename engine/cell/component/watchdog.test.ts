import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { isRunning } from './deadline-word.ts';
import { acquireDeadline, type Deadline } from './watchdog.ts';

function wordOf(deadline: Deadline): number {
  return Atomics.load(new Int32Array(deadline.memory.buffer), 0);
}

/** Blocks this thread, as a guest does, until the call is cut off or `ms` have passed. */
function spin(deadline: Deadline, ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end && wordOf(deadline) >= 0);
}

test('a call that takes too long is cut off, once, and those of a longer limit before and after it are not', () => {
  const slow = acquireDeadline(50);
  const patient = acquireDeadline(60_000);
  patient.begin();
  spin(patient, 120);
  expect(patient.end()).toBe(false);
  slow.begin();
  expect(isRunning(wordOf(slow))).toBe(true);
  spin(slow, 5000);
  expect(slow.end()).toBe(true);
  expect(slow.end()).toBe(false);
  patient.begin();
  expect(isRunning(wordOf(patient))).toBe(true);
  spin(patient, 120);
  expect(patient.end()).toBe(false);
  slow.release();
  patient.release();
});

test('calls that each take less are never cut off together', () => {
  const deadline = acquireDeadline(200);
  for (const end = performance.now() + 600; performance.now() < end; ) {
    deadline.begin();
    spin(deadline, 20);
    expect(deadline.end()).toBe(false);
  }
  deadline.release();
});

test('a call after a long pause is cut off too: it wakes the thread', async () => {
  const deadline = acquireDeadline(50);
  // Longer than the looks after which the thread sleeps.
  await new Promise((resolve) => setTimeout(resolve, 400));
  deadline.begin();
  spin(deadline, 5000);
  expect(deadline.end()).toBe(true);
  deadline.release();
});

test.each([
  ['closed', 'deadline.release();'],
  ['left open', ''],
  ['in the middle of a call', 'deadline.begin();'],
])('a process whose cell is %s ends by itself', async (_, last) => {
  const module = new URL('./watchdog.ts', import.meta.url).href;
  const script = `const { acquireDeadline } = await import('${module}'); const deadline = acquireDeadline(10000); ${last}`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 60_000 });
  await expect(run).resolves.toEqual({ stdout: '', stderr: '' });
});

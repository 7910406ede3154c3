/** Processes that a test starts end with the process that runs the test, however that ends; `test/leftovers.ts` sees to those that it cannot end itself. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function owned<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Stops a process as SIGSTOP does; returns when none of its threads runs any more, where there is a /proc to see that. */
export function freeze(child: ChildProcess | undefined): void {
  if (child?.pid === undefined || !child.kill('SIGSTOP')) return;
  const tasks = `/proc/${child.pid}/task`;
  const runs = (task: string): boolean =>
    / [^TtZX] /.test(/\) . /.exec(readFileSync(`${tasks}/${task}/stat`, 'utf8'))?.[0] ?? '');
  for (const end = performance.now() + 5_000; performance.now() < end; ) {
    try {
      if (!readdirSync(tasks).some(runs)) return;
    } catch {
      return;
    }
  }
}

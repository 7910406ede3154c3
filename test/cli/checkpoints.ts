/** Waiting for the checkpoints of `run --state`, from outside. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ended } from './command.ts';

/** Resolves when a checkpoint of `app` has been completed from now on; rejects when the run has ended before. `cwd` holds `state`. */
export async function checkpointIn(cwd: string, app: string, ended: Promise<Ended>): Promise<void> {
  const manifests = join(cwd, `state/checkpoints/default/${app}/all/manifest`);
  const newest = (): string => {
    const names = existsSync(manifests) ? readdirSync(manifests) : [];
    return (
      names
        .filter((name) => /^\d+$/.test(name))
        .toSorted()
        .at(-1) ?? ''
    );
  };
  const before = newest();
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (newest() <= before) {
    if (isOver) throw new Error(`it ended before it took a checkpoint: ${(await ended).stderr}`);
    await sleep(10);
  }
}

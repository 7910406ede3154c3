/**
 * What file sinks of runs with checkpoints share: hidden names that are the same in every run of the same sink, so that a run finds
 * what the one before it wrote.
 *
 *     .alerts.csv.held-1f3a9c04   ->   alerts.csv
 */
import { createHash } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Where a sink's files are, and what they are called while nobody may see them. */
export interface HeldPlace {
  /** Absolute. */
  readonly path: string;
  /** The hidden name of what becomes the file `visible`, an absolute path; `kind` tells several of one file apart. */
  hidden(visible: string, kind: 'held' | 'made'): string;
  /** Removes hidden files of this sink that are not in `keep`. */
  clean(keep: ReadonlySet<string>): Promise<void>;
}

/** `path`: absolute, without symbolic links. */
export function placeOf(path: string, identity: string): HeldPlace {
  const id = createHash('sha256').update(identity).digest('hex').slice(0, 8);
  const directory = dirname(path);
  return {
    path,
    hidden: (visible, kind) => join(directory, `.${basename(visible)}.${kind}-${id}`),
    async clean(keep) {
      const names = await readdir(directory).catch((): string[] => []);
      const ours = names.filter((name) => name.endsWith(`.held-${id}`) || name.endsWith(`.made-${id}`));
      for (const name of ours) {
        const full = join(directory, name);
        if (!keep.has(full)) await unlink(full);
      }
    },
  };
}

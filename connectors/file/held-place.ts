/**
 * What file sinks of runs with checkpoints share: hidden names that are the same in every run of the same sink, so that a run finds
 * what the one before it wrote, and end with the epoch, so that nobody writes what somebody else does.
 *
 *     .alerts.csv.held-1f3a9c04-65537   ->   alerts.csv
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HeldFile, outputLost } from './target.ts';

/** `held`: what is written; `whole`: its pieces in one; `made`: the file that is made of it. */
type Kind = 'held' | 'whole' | 'made';

/** Where a sink's files are, and what they are called while nobody may see them. */
export interface HeldPlace {
  /** Absolute. */
  readonly path: string;
  readonly epoch: number;
  /** The hidden name of what becomes the file `visible`, an absolute path. `epoch`: 0 for files of versions that named none. */
  hidden(visible: string, kind: Kind, epoch: number): string;
  /** Removes hidden files of this sink that are not in `keep`; never those of a higher epoch. */
  clean(keep: ReadonlySet<string>): Promise<void>;
}

/** `path`: absolute, without symbolic links. */
export function placeOf(path: string, identity: string, epoch: number): HeldPlace {
  const id = createHash('sha256').update(identity).digest('hex').slice(0, 8);
  const directory = dirname(path);
  const ours = new RegExp(`\\.(?:held|whole|made)-${id}(?:-(\\d+))?$`);
  return {
    path,
    epoch,
    hidden: (visible, kind, of) => join(directory, `.${basename(visible)}.${kind}-${id}${of === 0 ? '' : `-${of}`}`),
    async clean(keep) {
      for (const name of await readdir(directory).catch((): string[] => [])) {
        const found = ours.exec(name);
        const full = join(directory, name);
        if (found !== null && Number(found[1] ?? 0) <= epoch && !keep.has(full)) await unlink(full);
      }
    },
  };
}

/** The beginning of a file. */
export interface Piece {
  readonly path: string;
  readonly bytes: number;
}

/** Writes pieces one after the other into a new file, `into`, synced; `name` is the user's. Throws `sink.output-lost` where one is shorter. */
export async function joinPieces(pieces: readonly Piece[], into: string, name: string): Promise<void> {
  const whole = await HeldFile.open(into, name, 0);
  for (const { path, bytes } of pieces) {
    if (bytes === 0) continue;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.size < bytes) throw outputLost(name, path);
    for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: 1 << 20 })) {
      await whole.append(chunk as Uint8Array);
    }
  }
  await whole.commit();
}

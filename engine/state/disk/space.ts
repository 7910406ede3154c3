/**
 * How full the disk is that state lies on, and how much of it logs leave alone. Journals and logs of durable channels are only trimmed by checkpoints: did they
 * take the last byte, no checkpoint could be written any more, and whatever space is made would be theirs again.
 *
 *     | ... files ... | logs may take this | reserve: checkpoints, records of regions |
 *                     |<------------------- free ------------------------------------>|
 */
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../errors.ts';
import { checkpointOf } from '../checkpoint/layout.ts';
import { checkpointsIn } from '../places.ts';

/** Bytes. */
export interface Space {
  /** To processes without privileges. */
  readonly free: number;
  readonly size: number;
}

export interface SpaceMeter {
  space(): Promise<Space>;
  /** Bytes that logs leave free on a disk of `size` bytes. */
  reserve(size: number): Promise<number>;
}

/** Where no checkpoint is larger: so much, or this part of a disk on which that would be too much. */
const LEAST = 64 * 1_048_576;
const PART = 1 / 8;
/** Two checkpoints of each region may be on their way when the oldest goes. */
const CHECKPOINTS = 2;
/** Status calls a disk short in front of where logs begin to wait: what wants to be written may be as large as this part of the reserve. */
const MARGIN = 1 / 4;

/** `directory`: of data. */
export function spaceMeter(directory: string): SpaceMeter {
  return {
    async space() {
      const { bavail, blocks, bsize } = await statfs(directory);
      return { free: bavail * bsize, size: blocks * bsize };
    },
    async reserve(size) {
      return (
        Math.min(LEAST, Math.floor(size * PART)) + CHECKPOINTS * (await largestCheckpoints(checkpointsIn(directory)))
      );
    },
  };
}

/** True where `bytes` more would take from the reserve. */
export function wouldTake(bytes: number, free: number, reserve: number): boolean {
  return free - Math.min(bytes, reserve * MARGIN) < reserve;
}

/** True where logs wait, or are about to. */
export function isShort(free: number, reserve: number): boolean {
  return free < reserve * (1 + MARGIN);
}

/** Of each region the bytes that its largest checkpoint wrote, among those that are kept; their sum. */
async function largestCheckpoints(directory: string): Promise<number> {
  const regions = new Map<string, Map<number, number>>();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(orNone);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const id = entry.isFile() ? checkpointOf(path) : undefined;
    if (id === undefined) continue;
    const region = join(entry.parentPath, '..');
    const known = regions.get(region) ?? new Map<number, number>();
    known.set(id, (known.get(id) ?? 0) + (await sizeOf(path)));
    regions.set(region, known);
  }
  return [...regions.values()].reduce((sum, sizes) => sum + Math.max(0, ...sizes.values()), 0);
}

/** Files come and go meanwhile. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

function orNone(error: unknown): [] {
  if (systemCode(error) === 'ENOENT') return [];
  throw error;
}

/** What a snapshot of a cell costs: taken, summed, compressed where that gains, and put into a directory; whole, and with one page in a hundred changed since. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realPorts } from '../../engine/ports.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { PAGE } from '../../engine/state/checkpoint/pages.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { quantile } from '../harness.ts';
import { fullMemory, MovedCell, NAME } from './cell.ts';

export interface Saved {
  /** Milliseconds, median; bytes that were written. */
  readonly time: number;
  readonly bytes: number;
}

export interface Snapshots {
  readonly whole: Saved;
  readonly part: Saved;
}

export async function snapshotsOf(bytes: number, rounds: number): Promise<Snapshots> {
  const memory = fullMemory(bytes);
  const cell = new MovedCell(memory, 0);
  const [whole, part]: [Saved[], Saved[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const directory = await mkdtemp(join(tmpdir(), 'cloudskin-move-'));
    try {
      const saver = createSaver({ ...NAME, store: await openDirectory(directory), ports: realPorts });
      for (const [index, into] of [whole, part].entries()) {
        const { took, bytes: written } = await saver.save(index + 1, cell.snapshot());
        into.push({ time: took, bytes: written });
        for (let page = round; page < bytes / PAGE; page += 100) memory.writeUInt32LE(page, page * PAGE + 256);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const median = (all: readonly Saved[], of: keyof Saved): number => {
    const values = all.map((one) => one[of]).toSorted((a, b) => a - b);
    return quantile(values, 0.5);
  };
  const summed = (all: readonly Saved[]): Saved => ({ time: median(all, 'time'), bytes: median(all, 'bytes') });
  return { whole: summed(whole), part: summed(part) };
}

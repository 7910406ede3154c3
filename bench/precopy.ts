/**
 * `bench precopy`: what a page transfer costs both ends, with nothing between them: the first copy of a memory that is full, and the cut after 0, 1, 10
 * and 50 % of its pages were changed, in time and bytes; and the longest that one look keeps the cell from its next batch. At the end the memories are compared.
 */
import { randomFillSync } from 'node:crypto';
import { PAGE } from '../engine/state/checkpoint/pages.ts';
import { PreCopyReceiver } from '../engine/state/precopy/receiver.ts';
import { PreCopySender } from '../engine/state/precopy/sender.ts';
import { against, type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';

const SHARES: readonly number[] = [0, 0.01, 0.1, 0.5];

interface Figures {
  /** Milliseconds, and bytes. */
  readonly copy: number;
  readonly cut: number;
  readonly longest: number;
  readonly copyBytes: number;
  readonly cutBytes: number;
}

/** The target is made and touched before: moves take it from a pool. */
function move(memory: Buffer, target: Buffer, share: number): Figures {
  target.fill(0);
  const sender = new PreCopySender({ budget: Number.POSITIVE_INFINITY });
  const receiver = new PreCopyReceiver({ room: () => target });
  let longest = 0;
  const until = (state: 'ready' | 'done'): number => {
    const started = performance.now();
    while (sender.state !== state) {
      const now = performance.now();
      const frames = sender.step({ memory }, now, () => performance.now());
      if (state === 'ready') longest = Math.max(longest, performance.now() - now);
      for (const frame of frames) for (const reply of receiver.receive(frame)) sender.receive(reply, performance.now());
    }
    return performance.now() - started;
  };
  const copy = until('ready');
  const copyBytes = sender.receipt.bytes;
  const pages = memory.length / PAGE;
  const count = Math.round(pages * share);
  for (let index = 0; index < count; index++) {
    const at = Math.floor((index * pages) / count) * PAGE + 64;
    memory[at] = (memory[at] ?? 0) ^ 1;
  }
  sender.cut(performance.now());
  const cut = until('done');
  const { bytes } = sender.receipt;
  sender.close();
  if (!memory.equals(target)) throw new Error('the memories differ');
  return { copy, cut, longest, copyBytes, cutBytes: bytes - copyBytes };
}

function measure(bytes: number, rounds: number): readonly Result[] {
  const memory = randomFillSync(Buffer.alloc(bytes));
  const target = Buffer.alloc(bytes, 1);
  const all = SHARES.map((share) => ({ share, runs: [] as Figures[] }));
  for (let round = -1; round < rounds; round++) {
    for (const { share, runs } of all) {
      const figures = move(memory, target, share);
      if (round >= 0) runs.push(figures);
    }
  }
  const size = bytes < 2 ** 20 ? `${bytes / 1024} KiB` : `${bytes / 2 ** 20} MiB`;
  const median = (runs: readonly Figures[], of: keyof Figures): number => {
    const values = runs.map((run) => run[of]).toSorted((a, b) => a - b);
    return quantile(values, 0.5);
  };
  const copies = all.flatMap(({ runs }) => runs);
  const full = median(copies, 'copy');
  const fullBytes = median(copies, 'copyBytes');
  const copy = `${size} copy`;
  return [
    plain('precopy', copy, 'time', full, 'ms'),
    plain('precopy', copy, 'bytes', fullBytes, 'B'),
    plain('precopy', copy, 'longest-step', median(copies, 'longest'), 'ms'),
    ...all.flatMap(({ share, runs }) => {
      const variant = `${size} cut, ${share * 100} % changed`;
      return [
        against(plain('precopy', variant, 'time', median(runs, 'cut'), 'ms'), { variant: copy, value: full }),
        against(plain('precopy', variant, 'bytes', median(runs, 'cutBytes'), 'B'), { variant: copy, value: fullBytes }),
      ];
    }),
  ];
}

export const benchmark: Benchmark = {
  name: 'precopy',
  summary: 'a page transfer without a link: the first copy, and the cut after some pages have changed',
  async run(options: BenchOptions): Promise<readonly Result[]> {
    const sizes = sized(options, [64, 1024, 4096, 16_384, 65_536], [64, 4096, 65_536], [64]);
    return sizes.flatMap((kibibytes) => measure(kibibytes * 1024, sized(options, 9, 3, 1)));
  },
};

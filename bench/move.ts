/**
 * `bench move`: how long a cell stands still while it goes to another process, by size of its state, pages that it changes in a second, and link; by page transfer, beside stopping it and copying, and beside a
 * checkpoint, a stop and a start, in the same run. The state is random numbers, which nothing compresses; links with a bandwidth and a delay are a relay between the processes. Prints which of the targets are met.
 */
import process from 'node:process';
import type { ChangeReceipt } from '../engine/runtime/run/change.ts';
import { against, type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';
import { fullMemory, MovedCell } from './move/cell.ts';
import { changesOf } from './move/fragments.ts';
import { LINKS, type Link, lineOver, takes } from './move/links.ts';
import { type Snapshots, snapshotsOf } from './move/snapshots.ts';
import { type Line, type Moved, preCopy, restart, stopAndCopy, type Way } from './move/ways.ts';

const MiB = 2 ** 20;
const WAYS: readonly (readonly [name: string, way: Way])[] = [
  ['pre-copy', preCopy],
  ['stop and copy', stopAndCopy],
  ['checkpoint and start', restart],
];

interface Point {
  readonly bytes: number;
  /** Percent of the pages a second. */
  readonly rate: number;
  readonly link: Link;
}

/** By name of the way. */
type Measured = ReadonlyMap<string, readonly Moved[]>;

function pointsOf(options: BenchOptions): readonly Point[] {
  const sizes = sized(options, [MiB / 16, MiB, 4 * MiB, 16 * MiB, 64 * MiB, 256 * MiB], [4 * MiB], [MiB / 16]);
  const rates = sized(options, [0, 1, 10, 50], [1, 50], [10]);
  const links = sized(options, LINKS, LINKS, LINKS.slice(0, 1));
  const all = links.flatMap((link) => sizes.flatMap((bytes) => rates.map((rate) => ({ bytes, rate, link }))));
  const [, , slow = LINKS[0]] = LINKS;
  return options.size !== 'quick' || slow === undefined ? all : [...all, { bytes: 64 * MiB, rate: 1, link: slow }];
}

/** As many as fit in some seconds, so that small ones have a 99th percentile. */
function roundsOf({ bytes, link }: Point, options: BenchOptions): number {
  const each = WAYS.length * (takes(link, bytes * 1.3) + 5);
  const fit = Math.floor(sized(options, 20_000, 2000, 100) / each);
  return Math.min(sized(options, 200, 40, 2), Math.max(sized(options, 3, 1, 1), fit));
}

async function measure(
  { bytes, rate }: Point,
  line: Line,
  memory: Buffer<ArrayBuffer>,
  rounds: number,
): Promise<Measured> {
  const all = new Map(WAYS.map(([name]) => [name, [] as Moved[]]));
  // the first of many is not counted: nothing is compiled and touched yet
  for (let round = rounds > 3 ? -1 : 0; round < rounds; round++) {
    for (const [name, way] of WAYS) {
      await line.open(bytes);
      const moved = await way(new MovedCell(memory, rate), line);
      if (round >= 0) all.get(name)?.push(moved);
    }
  }
  return all;
}

function at(all: readonly Moved[], of: (moved: Moved) => number, share: number): number {
  const values = all.map(of).toSorted((a, b) => a - b);
  return quantile(values, share);
}

const pauseOf = ({ pause }: Moved): number => pause;

function nameOf({ bytes, rate, link }: Point): string {
  const size = bytes < MiB ? `${bytes / 1024} KiB` : `${bytes / MiB} MiB`;
  return `${size}, ${rate} %/s, ${link.name}`;
}

function resultsOf(point: Point, measured: Measured): readonly Result[] {
  const [first = ''] = WAYS.map(([name]) => name);
  const base = { variant: first, value: at(measured.get(first) ?? [], pauseOf, 0.5) };
  return [...measured].flatMap(([way, all]) => {
    const variant = `${nameOf(point)}, ${way}`;
    const p50 = plain('move', variant, 'pause p50', at(all, pauseOf, 0.5), 'ms');
    return [
      way === first ? p50 : against(p50, base),
      plain('move', variant, 'pause p99', at(all, pauseOf, 0.99), 'ms'),
      plain(
        'move',
        variant,
        'total p50',
        at(all, ({ total }) => total, 0.5),
        'ms',
      ),
      plain(
        'move',
        variant,
        'bytes',
        at(all, ({ bytes }) => bytes, 0.5),
        'B',
      ),
    ];
  });
}

/** Of the state of windows with few and with many keys. */
async function changeResults(options: BenchOptions): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const keys of sized(options, [500, 40_000, 160_000], [500, 40_000], [100])) {
    const receipts = await changesOf(keys, sized(options, 100, 20, 2));
    const of = (figure: (receipt: ChangeReceipt) => number, share: number): number =>
      quantile(
        receipts.map(figure).toSorted((a, b) => a - b),
        share,
      );
    const variant = `a window of ${keys} keys, within a process`;
    results.push(
      plain(
        'move',
        variant,
        'pause p50',
        of(({ pause }) => pause, 0.5),
        'ms',
      ),
      plain(
        'move',
        variant,
        'pause p99',
        of(({ pause }) => pause, 0.99),
        'ms',
      ),
      plain(
        'move',
        variant,
        'total p50',
        of(({ total }) => total, 0.5),
        'ms',
      ),
      plain(
        'move',
        variant,
        'bytes',
        of(({ bytes }) => bytes, 0.5),
        'B',
      ),
    );
  }
  return results;
}

/** A snapshot into a store, whole and as a difference. */
function snapshotResults({ whole, part }: Snapshots): readonly Result[] {
  const metrics = [
    ['time', 'ms'],
    ['bytes', 'B'],
  ] as const;
  return metrics.flatMap(([metric, unit]) => {
    const base = plain('move', 'snapshot', metric, whole[metric], unit);
    return [base, against(plain('move', 'snapshot, 1 % changed', metric, part[metric], unit), base)];
  });
}

interface Target {
  readonly text: string;
  readonly most: number;
  /** Undefined where it was not measured. */
  readonly value: number | undefined;
}

function targetsOf(all: ReadonlyMap<Point, Measured>, { whole, part }: Snapshots): readonly Target[] {
  const find = (bytes: number, link: string): readonly Measured[] =>
    [...all].flatMap(([point, measured]) => (point.bytes === bytes && point.link.name === link ? [measured] : []));
  const worst = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : Math.max(...values);
  const small = find(4 * MiB, 'loopback').map((measured) => measured.get('pre-copy') ?? []);
  const large = find(64 * MiB, LINKS[2]?.name ?? '');
  const shares = large.map(
    (one) => at(one.get('pre-copy') ?? [], pauseOf, 0.5) / at(one.get('stop and copy') ?? [], pauseOf, 0.5),
  );
  const bytes = [...all.values()].flatMap((one) =>
    (one.get('pre-copy') ?? []).map((moved) => moved.bytes / moved.needed),
  );
  return [
    { text: 'pause of 4 MiB on loopback, p50, ms', most: 5, value: worst(small.map((one) => at(one, pauseOf, 0.5))) },
    { text: 'pause of 4 MiB on loopback, p99, ms', most: 15, value: worst(small.map((one) => at(one, pauseOf, 0.99))) },
    { text: 'pause of 64 MiB over 100 Mbit/s, of stop and copy', most: 0.1, value: worst(shares) },
    { text: 'snapshot with 1 % changed, of the time of a full one', most: 0.03, value: part.time / whole.time },
    { text: 'snapshot with 1 % changed, of the bytes of a full one', most: 0.03, value: part.bytes / whole.bytes },
    { text: 'bytes, of the image and what was changed', most: 1.3, value: worst(bytes) },
  ];
}

function tell(targets: readonly Target[]): void {
  for (const { text, most, value } of targets) {
    const verdict = value === undefined ? 'not measured' : value <= most ? 'met' : 'missed';
    process.stderr.write(`${verdict.padEnd(13)}${text}: at most ${most}, ${value?.toPrecision(3) ?? '-'}\n`);
  }
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const points = pointsOf(options);
  const all = new Map<Point, Measured>();
  for (const link of new Set(points.map((point) => point.link))) {
    const { line, close } = await lineOver(link);
    try {
      for (const bytes of new Set(points.map((point) => point.bytes))) {
        const memory = fullMemory(bytes);
        for (const point of points.filter((one) => one.link === link && one.bytes === bytes)) {
          all.set(point, await measure(point, line, memory, roundsOf(point, options)));
        }
      }
    } finally {
      await close();
    }
  }
  const snapshots = await snapshotsOf(sized(options, 64 * MiB, 64 * MiB, MiB), sized(options, 9, 3, 1));
  tell(targetsOf(all, snapshots));
  const moves = [...all].flatMap(([point, measured]) => resultsOf(point, measured));
  return [...moves, ...(await changeResults(options)), ...snapshotResults(snapshots)];
}

export const benchmark: Benchmark = {
  name: 'move',
  summary:
    'a cell goes to another process: pause, total and bytes by size, changes and link; stop-and-copy and restart beside it',
  run,
};

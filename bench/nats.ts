/**
 * `bench nats`: rows from one process to another through a nats-server: a channel of ours (Arrow batches, numbered, acknowledged, kept until then)
 * against nats.js sending the same bytes and nothing else, and against one JSON message a row; and how long a row takes from its making
 * to its taking.
 */
import { hasNats, NO_NATS, startNats } from '../test/kit/nats-server.ts';
import { against, type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';
import { type Outcome, Pair } from './nats/pair.ts';
import { ROW_BYTES } from './nats/rows.ts';

const KIB = 1024;
const SIZES: readonly { readonly name: string; readonly bytes: number }[] = [
  { name: '64 KiB', bytes: 64 * KIB },
  { name: '256 KiB', bytes: 256 * KIB },
  { name: '900 KiB', bytes: 900 * KIB },
];
const RATES = [1_000, 10_000, 100_000];
const LINGERS = [1, 5];

export const benchmark: Benchmark = {
  name: 'nats',
  summary: 'rows between two processes through NATS, against nats.js sending the same bytes, and against JSON messages',
  run: async (options) => {
    const version = hasNats('newest') ? 'newest' : 'installed';
    if (!hasNats(version)) throw new Error(NO_NATS[version]);
    const server = await startNats({ version, jetstream: false, config: 'max_pending: 1GB' });
    const pair = await Pair.start(server.url);
    try {
      return [...(await throughput(pair, options)), ...(await latency(pair, options))];
    } finally {
      pair.stop();
      await server.stop();
    }
  },
};

async function throughput(pair: Pair, options: BenchOptions): Promise<Result[]> {
  const results: Result[] = [];
  const rounds = sized(options, 9, 3, 1);
  const bytes = sized(options, 300, 100, 2) * KIB * KIB;
  let best = 0;
  for (const size of SIZES) {
    const rows = Math.floor(size.bytes / ROW_BYTES);
    const count = Math.ceil(bytes / (rows * ROW_BYTES));
    const rates = await compare(pair, rounds, { rows, count });
    best = Math.max(best, rates.channel);
    const toMegabytes = (rate: number): number => (rate * ROW_BYTES) / 1e6;
    const raw = plain('nats', `nats.js, ${size.name}`, 'throughput', toMegabytes(rates.raw), 'MB/s');
    const ours = plain('nats', `channel, ${size.name}`, 'throughput', toMegabytes(rates.channel), 'MB/s');
    results.push(raw, against(ours, raw));
  }
  const json = await medianRate(sized(options, 5, 2, 1), () =>
    pair.run({ variant: 'json', rows: 1, count: sized(options, 400_000, 100_000, 1_000) }),
  );
  const slow = plain('nats', 'one JSON message a row', 'rows', json, 'rows/s');
  return [...results, slow, against(plain('nats', 'channel', 'rows', best, 'rows/s'), slow)];
}

/** Median rows a second of both, one after the other in each round. */
async function compare(
  pair: Pair,
  rounds: number,
  what: { readonly rows: number; readonly count: number },
): Promise<{ readonly raw: number; readonly channel: number }> {
  const rates: Record<'raw' | 'channel', number[]> = { raw: [], channel: [] };
  for (let round = -1; round < rounds; round++) {
    for (const variant of ['raw', 'channel'] as const) {
      const rate = rateOf(await pair.run({ variant, ...what }), what.rows * what.count);
      if (round >= 0) rates[variant].push(rate);
    }
  }
  return { raw: median(rates.raw), channel: median(rates.channel) };
}

async function medianRate(rounds: number, run: () => Promise<Outcome>): Promise<number> {
  const rates: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const outcome = await run();
    if (round >= 0) rates.push(rateOf(outcome, outcome.rows));
  }
  return median(rates);
}

function rateOf({ rows, seconds }: Outcome, expected: number): number {
  if (rows !== expected) throw new Error(`${rows} rows arrived of ${expected}`);
  return rows / seconds;
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

async function latency(pair: Pair, options: BenchOptions): Promise<Result[]> {
  const results: Result[] = [];
  for (const linger of sized(options, LINGERS, LINGERS, LINGERS.slice(0, 1))) {
    for (const rate of sized(options, RATES, RATES, RATES.slice(0, 1))) {
      const { latencies } = await pair.run({ variant: 'latency', rows: 0, count: 0, rate, linger });
      const sorted = latencies.toSorted((a, b) => a - b);
      const variant = `${rate / 1000}k rows/s, linger ${linger} ms`;
      for (const [metric, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        results.push(plain('nats', variant, metric, quantile(sorted, share), 'ms'));
      }
    }
  }
  return results;
}

/**
 * What all benchmarks share: how they are run (variants interleaved, so that a noisy neighbour hits all of them alike; medians) and the
 * one form of their results.
 */

/** One measured figure. `ratio` is value over the baseline's value, so above 1 is faster where the metric is a rate. */
export interface Result {
  readonly benchmark: string;
  readonly variant: string;
  /** What was measured, such as `throughput` or `time-to-first-row`. */
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** The variant that `ratio` compares with; null for a figure that stands alone. */
  readonly baseline: string | null;
  readonly ratio: number | null;
}

export interface BenchOptions {
  /** `quick`: fewer rounds, the whole benchmark ends within 40 s. `trial`: one round over little, to see that it works; its figures mean nothing. */
  readonly size: 'full' | 'quick' | 'trial';
}

/** How much of something, by the size that was asked for. */
export function sized<T>({ size }: BenchOptions, full: T, quick: T, trial: T): T {
  return size === 'full' ? full : size === 'quick' ? quick : trial;
}

/** A benchmark; `bench/main.ts` lists them all. A wrong answer is thrown, never reported as a figure. */
export interface Benchmark {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  run(options: BenchOptions): Promise<readonly Result[]>;
}

export interface Variant {
  readonly name: string;
  /** Runs in front of every repetition and is not timed. */
  readonly before?: () => void;
  /** One repetition of the measured work. */
  readonly run: () => void | Promise<void>;
}

export interface Timing {
  /** Seconds a repetition, rising. */
  readonly seconds: readonly number[];
  readonly median: number;
}

/**
 * Times every variant `rounds` times, one after the other in each round, after `warmup` rounds that are not counted.
 * In a round a variant is repeated until `minSeconds` have passed and its time is the mean of those repetitions.
 */
export async function interleave(
  variants: readonly Variant[],
  options: { readonly rounds: number; readonly warmup: number; readonly minSeconds?: number },
): Promise<Map<string, Timing>> {
  const samples = new Map<string, number[]>(variants.map((variant) => [variant.name, []]));
  for (let round = -options.warmup; round < options.rounds; round++) {
    for (const variant of variants) {
      const seconds = await timeOnce(variant, options.minSeconds ?? 0);
      if (round >= 0) samples.get(variant.name)?.push(seconds);
    }
  }
  return new Map([...samples].map(([name, seconds]) => [name, timingOf(seconds)]));
}

async function timeOnce(variant: Variant, minSeconds: number): Promise<number> {
  let repetitions = 0;
  let elapsed = 0;
  do {
    variant.before?.();
    const start = performance.now();
    const pending = variant.run();
    if (pending !== undefined) await pending;
    elapsed += (performance.now() - start) / 1000;
    repetitions++;
  } while (elapsed < minSeconds);
  return elapsed / repetitions;
}

function timingOf(samples: readonly number[]): Timing {
  const seconds = samples.toSorted((a, b) => a - b);
  return { seconds, median: quantile(seconds, 0.5) };
}

/** The value at `q` (0 to 1) of numbers in rising order, between two of them where it falls there. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** A figure without a baseline. */
export function plain(benchmark: string, variant: string, metric: string, value: number, unit: string): Result {
  return { benchmark, variant, metric, value, unit, baseline: null, ratio: null };
}

/** The same figure, compared with another. */
export function against(result: Result, baseline: { readonly variant: string; readonly value: number }): Result {
  return { ...result, baseline: baseline.variant, ratio: result.value / baseline.value };
}

/** Results as a table for people. */
export function formatTable(results: readonly Result[]): string {
  const rows = results.map((result) => [
    result.variant,
    result.metric,
    formatNumber(result.value),
    result.unit,
    result.ratio === null ? '' : `${formatNumber(result.ratio)}x ${result.baseline}`,
  ]);
  const all = [['variant', 'metric', 'value', 'unit', 'against'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, column) => (column === 2 ? cell.padStart(widths[2] ?? 0) : cell.padEnd(widths[column] ?? 0))),
    )
    .map((row) => row.join('  ').trimEnd())
    .join('\n');
}

function formatNumber(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

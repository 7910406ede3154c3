/**
 * The Numenta Anomaly Benchmark: its series, its labels and its score, so that a detector is measured as others were.
 *
 * Source: A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark", ICMLA 2015, and the
 * scorer of NAB 1.1: a detection in a labelled window counts once, by how early it comes; one outside costs, by how far behind a window
 * it is; a window without one costs; the first 15 % of a series (at most of 5,000 rows) do not count. 0 is a detector that finds nothing,
 * 100 a perfect one. The threshold is the best one over all series together, as in the published results.
 */
import { readFileSync } from 'node:fs';
import { sharedData } from './shared-data.ts';

export interface Series {
  readonly name: string;
  readonly values: Float64Array;
  /** Row ranges, both ends inclusive. */
  readonly windows: readonly { readonly from: number; readonly to: number }[];
  /** Rows at the start that do not count. */
  readonly probation: number;
}

export interface Profile {
  readonly tpWeight: number;
  readonly fnWeight: number;
  readonly fpWeight: number;
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(sharedData(`sensors/nab/${path}`), 'utf8'));
}

/** The cost matrix of the profile that published scores are quoted in. */
export function standardProfile(): Profile {
  return (json('config/profiles.json') as { standard: { CostMatrix: Profile } }).standard.CostMatrix;
}

/** Published scores over NAB's whole corpus, by detector, in the standard profile. */
export function publishedScores(): Record<string, number> {
  const results = json('results/final_results.json') as Record<string, { standard: number }>;
  return Object.fromEntries(Object.entries(results).map(([name, { standard }]) => [name, standard]));
}

export function nabSeries(): Series[] {
  const labels = json('labels/open_windows.json') as Record<string, [string, string][]>;
  return Object.entries(labels).map(([name, windows]) => readSeries(name, windows));
}

function readSeries(name: string, labels: readonly [string, string][]): Series {
  const lines = readFileSync(sharedData(`sensors/nab/data/${name}`), 'utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1);
  const times = lines.map((line) => line.slice(0, line.indexOf(',')));
  const values = Float64Array.from(lines, (line) => Number(line.slice(line.indexOf(',') + 1)));
  const windows = labels.map(([first, last]) => {
    const [start, end] = [first.slice(0, 19), last.slice(0, 19)];
    return { from: times.findIndex((time) => time >= start), to: times.findLastIndex((time) => time <= end) };
  });
  return { name, values, windows, probation: Math.floor(Math.min(0.15 * lines.length, 0.15 * 5000)) };
}

/** 1 far before the right edge of a window (at position -1 nearly), 0 at it, -1 far behind. */
function sigmoid(position: number): number {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

/** What a detection at a row is worth, and the window that it lies in (-1: none). */
function worth(series: Series, row: number, profile: Profile): { score: number; window: number } {
  const window = series.windows.findIndex(({ from, to }) => row >= from && row <= to);
  const inside = series.windows[window];
  if (inside !== undefined) {
    const position = -(inside.to - row + 1) / (inside.to - inside.from + 1);
    return { score: (sigmoid(position) * profile.tpWeight) / sigmoid(-1), window };
  }
  const before = series.windows.findLast(({ to }) => to < row);
  const position = before === undefined ? Number.POSITIVE_INFINITY : (row - before.to) / (before.to - before.from);
  return { score: sigmoid(position) * profile.fpWeight, window: -1 };
}

interface Event {
  readonly score: number;
  readonly value: number;
  /** Its window, told apart over all series; empty for none. */
  readonly window: string;
}

export interface Sweep {
  /** The normalised score, 0 to 100 for all but the worst. */
  readonly score: number;
  readonly threshold: number;
}

/** The normalised score at the best threshold; `scores` are a detector's, a row each, NaN where it gave none. */
export function bestScore(series: readonly Series[], scores: readonly Float64Array[], profile: Profile): Sweep {
  const events: Event[] = [];
  for (const [index, one] of series.entries()) {
    for (let row = one.probation; row < one.values.length; row++) {
      const score = scores[index]?.[row] ?? Number.NaN;
      if (Number.isNaN(score)) continue;
      const { score: value, window } = worth(one, row, profile);
      events.push({ score, value, window: window < 0 ? '' : `${index}.${window}` });
    }
  }
  return sweep(
    events.sort((a, b) => b.score - a.score),
    series.reduce((sum, one) => sum + one.windows.length, 0),
    profile,
  );
}

/** Lowers the threshold from event to event; equal scores are detected together. */
function sweep(events: readonly Event[], windows: number, profile: Profile): Sweep {
  const best = new Map<string, number>();
  const worst = -profile.fnWeight * windows;
  let raw = worst;
  let found: Sweep = { score: 0, threshold: Number.POSITIVE_INFINITY };
  for (const [index, { score, value, window }] of events.entries()) {
    if (window === '') raw += value;
    else {
      const before = best.get(window) ?? -profile.fnWeight;
      if (value > before) {
        best.set(window, value);
        raw += value - before;
      }
    }
    const normalised = (100 * (raw - worst)) / (windows * profile.tpWeight - worst);
    if (events[index + 1]?.score !== score && normalised > found.score) found = { score: normalised, threshold: score };
  }
  return found;
}

/** Windows with a detection, and detections outside of windows a row, at a threshold. */
export function detections(series: Series, scores: Float64Array, threshold: number): { found: number; false: number } {
  const found = new Set<number>();
  let wrong = 0;
  for (let row = series.probation; row < scores.length; row++) {
    if (!((scores[row] ?? Number.NaN) >= threshold)) continue;
    const window = series.windows.findIndex(({ from, to }) => row >= from && row <= to);
    if (window < 0) wrong += 1;
    else found.add(window);
  }
  return { found: found.size, false: wrong / (scores.length - series.probation) };
}

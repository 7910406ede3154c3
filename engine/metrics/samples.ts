/** Figures as a scraper of metrics sees them: each with its definition and the labels that tell it from others. */
import type { MetricsSnapshot, NodeMetrics } from './snapshot.ts';
import { METRICS, type MetricDefinition, type MetricSubject } from './table.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly metric: MetricDefinition;
  readonly labels: Labels;
  /** In the unit of the definition. */
  readonly value: number;
  /** Of a count that goes on from one that was counted elsewhere: a start from a checkpoint. */
  readonly restored: boolean;
}

export type Figures = Readonly<Record<string, unknown>>;

const EXPOSED = METRICS.filter(({ exposed }) => exposed !== undefined);

/** Samples of all figures of `subject` that `figures` has; what is null or absent is not known and left out. */
export function samplesOf(subject: MetricSubject, labels: Labels, figures: Figures, restored = false): Sample[] {
  return EXPOSED.filter(({ of }) => of === subject || (subject === 'node' && of === 'node and run')).flatMap(
    (metric) => {
      const value = numberOf(figures[metric.name]);
      return value === undefined ? [] : [{ metric, labels, value, restored }];
    },
  );
}

/** Samples of the nodes of a run, or of a fragment, and of their operators. */
export function nodeSamples({ nodes }: MetricsSnapshot, labels: Labels, restored = false): Sample[] {
  return nodes.flatMap((node) => ofNode(node, labels, restored));
}

function ofNode(node: NodeMetrics, labels: Labels, restored: boolean): Sample[] {
  const named = { ...labels, node: node.name, kind: node.kind };
  const operators = node.operators.flatMap(({ operator, keys, bytes }) =>
    samplesOf('operator', { ...labels, node: node.name, operator }, { keys, bytes }),
  );
  return [...samplesOf('node', named, { ...node }, restored), ...operators];
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/**
 * Counts that only rise, of counts that are set back. A fragment that starts from a checkpoint goes on from what was counted up to there, in
 * this process or another; a scraper would take the fall for a start from zero and see all of it as new.
 */
export class Rising {
  #series = new Map<string, { readonly raw: number; readonly total: number }>();
  #next = new Map<string, { readonly raw: number; readonly total: number }>();

  /** The count of this process. */
  total(series: string, raw: number, restored: boolean): number {
    const known = this.#series.get(series);
    const total = known === undefined ? (restored ? 0 : raw) : known.total + risenBy(known.raw, raw, restored);
    this.#next.set(series, { raw, total });
    return total;
  }

  /** Forgets what was not asked for since the last call. */
  turn(): void {
    this.#series = this.#next;
    this.#next = new Map();
  }
}

function risenBy(before: number, now: number, restored: boolean): number {
  if (now >= before) return now - before;
  return restored ? 0 : now;
}

/** What many seeds have shown: how often each fault came in each phase, how much was done, what was violated. */
import type { Outcome, Scenario } from './scenario.ts';

export class Tally {
  readonly scenario: Scenario;
  readonly failures: Outcome[] = [];
  seeds = 0;
  batches = 0;
  faults = 0;
  fewestBatches: number = Number.POSITIVE_INFINITY;
  fewestFaults: number = Number.POSITIVE_INFINITY;
  steps = 0;
  virtual = 0;
  live = 0;
  restarts = 0;
  readonly #cells = new Map<string, number>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  add(outcome: Outcome): void {
    this.seeds += 1;
    this.batches += outcome.batches;
    this.faults += outcome.faults.length;
    this.fewestBatches = Math.min(this.fewestBatches, outcome.batches);
    this.fewestFaults = Math.min(this.fewestFaults, outcome.faults.length);
    this.steps += outcome.steps;
    this.virtual += outcome.virtual;
    this.live += outcome.moves?.live ?? 0;
    this.restarts += outcome.moves?.restart ?? 0;
    for (const { kind, phase } of outcome.faults) {
      const cell = `${kind}\n${phase}`;
      this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + 1);
    }
    if (outcome.violations.length > 0) this.failures.push(outcome);
  }

  count(kind: string, phase: string): number {
    return this.#cells.get(`${kind}\n${phase}`) ?? 0;
  }

  /** Rows are faults, columns phases. */
  table(): string {
    const { kinds, phases } = this.scenario;
    const first = Math.max(...kinds.map(({ length }) => length));
    const head = ['fault'.padEnd(first), ...phases.map((phase) => phase.padStart(Math.max(10, phase.length + 1)))];
    const rows = kinds.map((kind) => {
      const cells = phases.map((phase) => String(this.count(kind, phase)).padStart(Math.max(10, phase.length + 1)));
      return [kind.padEnd(first), ...cells].join('');
    });
    return [head.join(''), ...rows].join('\n');
  }
}

/** One start of a region: its fragments at one epoch, what is wished of them and what they report. */
import type { CheckpointOrigin } from '../runtime/fragment-handle.ts';
import type { AssignmentDocument, RegionAssignment, RegionRecord } from './documents.ts';
import type { FragmentReport, FragmentTrouble, Goal, Wish } from './messages.ts';

export interface RunOptions {
  readonly assignment: AssignmentDocument;
  readonly region: string;
  readonly assigned: RegionAssignment;
  readonly record: RegionRecord;
  /** Of the record's entry. */
  readonly revision: number;
  readonly checkpoint?: number;
  readonly origins?: readonly CheckpointOrigin[];
}

export interface Fault {
  readonly fragment: string;
  readonly trouble: FragmentTrouble;
  /** Its agent was started anew: nothing is wrong with the fragment. */
  readonly absent: boolean;
}

export class RegionRun {
  readonly options: RunOptions;
  /** In the order of the plan. */
  readonly fragments: readonly string[];
  record: RegionRecord;
  revision: number;
  goal: Goal = 'running';
  barrier = 0;
  commit = 0;
  /** It failed: its fragments are to let go. */
  over = false;
  /** The record's fate is unknown after a failure: read it again before anything is built on it. */
  inDoubt = false;
  readonly #reports = new Map<string, FragmentReport>();

  constructor(options: RunOptions) {
    this.options = options;
    this.record = options.record;
    this.revision = options.revision;
    const all = Object.entries(options.assignment.fragments);
    this.fragments = all.filter(([, { region }]) => region === options.region).map(([name]) => name);
  }

  get epoch(): number {
    return this.record.epoch;
  }

  /** False where the report is of another epoch, or older than what is known. */
  hear(report: FragmentReport): boolean {
    if (report.epoch !== this.epoch || !this.fragments.includes(report.fragment)) return false;
    const known = this.#reports.get(report.fragment);
    if (known?.incarnation === report.incarnation && known.serial >= report.serial) return false;
    this.#reports.set(report.fragment, report);
    return true;
  }

  get reports(): Iterable<FragmentReport> {
    return this.#reports.values();
  }

  /** Whether every fragment is in one of these phases. */
  all(...phases: readonly FragmentReport['phase'][]): boolean {
    return this.fragments.every((name) => {
      const phase = this.#reports.get(name)?.phase;
      return phase !== undefined && phases.includes(phase);
    });
  }

  /** The first fragment that cannot go on. */
  fault(): Fault | undefined {
    for (const report of this.#reports.values()) {
      const { fragment, phase, trouble } = report;
      if (phase === 'failed' && trouble !== undefined) return { fragment, trouble, absent: false };
      if (phase === 'absent' || (phase === 'stopped' && this.goal !== 'stopped')) {
        const message = `${fragment} does not run on ${report.host.site}/${report.host.agent} any more`;
        return { fragment, trouble: { code: 'cluster.agent-restarted', message, domain: 'external' }, absent: true };
      }
    }
    return undefined;
  }

  /** What a fragment's agent could not do, though it goes on trying. */
  stumbling(): FragmentTrouble | undefined {
    for (const { trouble } of this.#reports.values()) if (trouble !== undefined) return trouble;
    return undefined;
  }

  /** True where the fragment's last report is what is wished of it. */
  satisfied(fragment: string): boolean {
    const report = this.#reports.get(fragment);
    if (report === undefined || report.committed < this.commit) return false;
    const { goal } = this;
    if (goal === 'stopped') return report.phase === 'stopped' || report.phase === 'failed' || report.phase === 'absent';
    if (goal === 'finished') return report.phase === 'finished';
    const saved = Math.max(report.saved?.checkpoint ?? 0, report.notSaved?.checkpoint ?? 0);
    return saved >= this.barrier && report.phase !== 'opening';
  }

  /** Undefined where the assignment does not know the fragment. */
  wish(fragment: string, serial: number): Wish | undefined {
    const { assignment, region, assigned, checkpoint, origins } = this.options;
    const { namespace, app, distributed } = assignment;
    const host = assignment.fragments[fragment]?.host;
    if (host === undefined) return undefined;
    return {
      ...{ namespace, app, region, fragment, leader: this.record.holder, epoch: this.epoch, serial, distributed },
      ...{ host: { site: host.site, agent: host.agent }, goal: this.goal },
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(origins === undefined ? {} : { origins }),
      ...(assigned.domain === undefined ? {} : { domain: assigned.domain }),
      checkpointed: true,
      peers: this.#peers(),
      domains: this.#domains(),
      barrier: this.barrier,
      commit: this.commit,
    };
  }

  #peers(): Record<string, number> {
    const { regions } = this.options.assignment;
    return Object.fromEntries(this.#others().map(([name, { region }]) => [name, regions[region]?.epoch ?? 0]));
  }

  #domains(): Record<string, string> {
    const { regions } = this.options.assignment;
    return Object.fromEntries(
      this.#others().flatMap(([name, { region }]) => {
        const domain = regions[region]?.domain;
        return domain === undefined ? [] : [[name, domain] as const];
      }),
    );
  }

  #others() {
    const { assignment, region: own } = this.options;
    return Object.entries(assignment.fragments).filter(([, { region }]) => region !== own);
  }
}

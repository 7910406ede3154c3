/** One start of a region: its fragments at one epoch, what is wished of them and what they report. */
import { defined } from '../../defined.ts';
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import type { FragmentReport, Goal, Wish, WishedBequest, WishedTakeover } from '../documents/messages.ts';
import { agentLabel } from '../documents/names.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import type { FragmentTrouble } from '../documents/troubles.ts';
import type { RegionRecords } from '../memory/region-records.ts';

export interface RunOptions {
  readonly assignment: AssignmentDocument;
  readonly region: string;
  readonly assigned: RegionAssignment;
  readonly record: RegionRecord;
  /** Of the record's entry. */
  readonly revision: number;
  readonly checkpoint?: number;
  readonly origins?: readonly CheckpointOrigin[];
  /** By agent, the memory that was heard of last; kept up to date. */
  readonly memories?: Map<string, string>;
  /** How the former holder let go of it; absent: it did not. */
  readonly release?: Pick<RegionRecord, 'releasedAt' | 'releasedBytes'>;
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
  /** Nothing will go on from its checkpoints. */
  forget = false;
  /** The barrier is the last: what its fragments have goes to others. */
  handsOver = false;
  /** Whom it takes over from, and to whom it will hand over. */
  takeover: WishedTakeover | undefined;
  bequest: WishedBequest | undefined;
  /** The record's fate is unknown after a failure: read it again before anything is built on it. */
  inDoubt = false;
  /** The highest epoch of the region that anybody spoke of. */
  above = 0;
  readonly #reports = new Map<string, FragmentReport>();
  /** By fragment, when its agent was heard last, whatever it said; by the leader's monotonic clock. */
  readonly #heard = new Map<string, number>();
  /** By fragment, the memory that may run it: nobody knows how far another one came at this epoch. */
  readonly #memories = new Map<string, string>();
  #replaced: Fault | undefined;

  constructor(options: RunOptions) {
    this.options = options;
    this.record = options.record;
    this.revision = options.revision;
    const all = Object.entries(options.assignment.fragments);
    this.fragments = all.filter(([, { region }]) => region === options.region).map(([name]) => name);
    for (const name of this.fragments) {
      const memory = options.memories?.get(this.#hostOf(name));
      if (memory !== undefined) this.#memories.set(name, memory);
    }
  }

  get epoch(): number {
    return this.record.epoch;
  }

  /** Whether all its fragments have been heard at `since` or later. */
  isInTouch(since: number): boolean {
    return this.fragments.every((name) => (this.#heard.get(name) ?? Number.NEGATIVE_INFINITY) >= since);
  }

  heardAt(fragment: string, now: number): void {
    this.#heard.set(fragment, now);
  }

  /** False where the report is of another epoch, or older than what is known. */
  hear(report: FragmentReport): boolean {
    // who is to run it by another assignment says what it has, too
    if (agentLabel(report.host) !== this.#hostOf(report.fragment)) return false;
    if (this.#isOfAnother(report)) {
      this.#replaced ??= replaced(report);
      this.#reports.set(report.fragment, { ...report, phase: 'absent' });
      return true;
    }
    if (report.epoch !== this.epoch) return false;
    const known = this.#reports.get(report.fragment);
    if (known?.incarnation === report.incarnation && known.serial >= report.serial) return false;
    this.#reports.set(report.fragment, report);
    return true;
  }

  /** The memory of its host that may run a fragment; `''` where that has to be asked. */
  memoryOf(fragment: string): string {
    return this.#memories.get(fragment) ?? '';
  }

  /** Whether the host is there with another memory than the one that may run the fragment; takes down which it has. */
  #isOfAnother({ fragment, host, memory, epoch }: FragmentReport): boolean {
    // at epoch 0 says who has no memory of the region
    if (memory === undefined) return false;
    if (epoch !== this.epoch && epoch !== 0) return false;
    const known = this.#memories.get(fragment);
    this.options.memories?.set(agentLabel(host), memory);
    if (known === undefined) this.#memories.set(fragment, memory);
    return known !== undefined && known !== memory;
  }

  #hostOf(fragment: string): string {
    const host = this.options.assignment.fragments[fragment]?.host;
    return host === undefined ? '' : agentLabel(host);
  }

  /** Changes the record; where that fails, its fate is in doubt. */
  async save(records: RegionRecords, change: Partial<RegionRecord>): Promise<void> {
    const record = { ...this.record, ...change };
    this.inDoubt = true;
    this.revision = await records.save(record, this.options.assigned.domain, this.revision);
    this.record = record;
    this.inDoubt = false;
  }

  /**
   * Reads the record again, after doubt; the epoch at which somebody else leads, undefined where nobody does. Where a server has gone back to this epoch
   * somebody may have been further, whatever it says. Rejects where the record is not safe on the disk, too: what only a server knows is nothing to build on.
   */
  async lostAt(records: RegionRecords, incarnation: string): Promise<number | undefined> {
    const { assignment, region, assigned } = this.options;
    const { record, revision } = await records.load(assignment, region, assigned.domain);
    const isMine = record?.epoch === this.epoch && record.incarnation === incarnation;
    if (!isMine || this.above > this.epoch) return Math.max(record?.epoch ?? 0, this.above);
    await records.keep(record);
    this.record = record;
    this.revision = revision;
    this.inDoubt = false;
    return undefined;
  }

  get reports(): Iterable<FragmentReport> {
    return this.#reports.values();
  }

  /** Whether every fragment has said so. */
  every(says: (report: FragmentReport) => boolean): boolean {
    return this.fragments.every((name) => {
      const report = this.#reports.get(name);
      return report !== undefined && says(report);
    });
  }

  /** Whether every fragment is in one of these phases. */
  all(...phases: readonly FragmentReport['phase'][]): boolean {
    return this.every(({ phase }) => phases.includes(phase));
  }

  /** The first fragment that cannot go on. */
  fault(): Fault | undefined {
    if (this.#replaced !== undefined) return this.#replaced;
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
    if (this.takeover?.committed === true && report.taking !== true) return false;
    if (this.handsOver && report.handedOver !== true) return false;
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
      namespace,
      app,
      region,
      fragment,
      leader: this.record.holder,
      epoch: this.epoch,
      serial,
      distributed,
      host: { site: host.site, agent: host.agent },
      memory: this.memoryOf(fragment),
      goal: this.goal,
      ...(this.forget ? { forget: true } : {}),
      ...defined({ checkpoint, origins, domain: assigned.domain, begun: assignment.begun }),
      ...defined({ takeover: this.takeover, bequest: this.bequest }),
      checkpointed: true,
      peers: this.#peers(),
      domains: this.#domains(),
      barrier: this.barrier,
      ...(this.handsOver ? { handover: true } : {}),
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

/** Two processes of one name with a directory each would replace each other for ever: it counts as a failure, which is tried again ever more rarely. */
function replaced({ fragment, host }: FragmentReport): Fault {
  const message = `agent ${agentLabel(host)} has lost what it remembered, or two agents are called that; ${fragment} starts anew`;
  return { fragment, trouble: { code: 'cluster.agent-replaced', message, domain: 'external' }, absent: false };
}

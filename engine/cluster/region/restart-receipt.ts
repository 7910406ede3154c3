/**
 * The receipt of a region that was moved by stopping it: from the moment at which its fragments had all stopped, with a last checkpoint, to the moment at
 * which they all run again. Who leads it before and after may be two agents, then the record says when the first let go, by that one's clock.
 */
import type { Ports } from '../../ports.ts';
import type { Wanted } from '../documents/app.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import type { MoveReceipt } from '../documents/status.ts';
import type { RegionRun } from './run.ts';

export class RestartReceipt {
  readonly #ports: Ports;
  /** When this leader heard of the assignment that it follows; monotonic. */
  #heard: number;
  /** When its own fragments had stopped for another assignment; monotonic. */
  #released: number | undefined;
  #bytes = 0;
  #run: RegionRun | undefined;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#heard = ports.monotonic();
  }

  /** Another assignment is to be followed. */
  hears(): void {
    this.#heard = this.#ports.monotonic();
  }

  /** What the record is to say of a release, where that is a part of a move; `bytes`: of the last checkpoint. */
  releases(wanted: Wanted, bytes = 0): Partial<RegionRecord> {
    const goesOn = wanted === 'running' || wanted === 'paused';
    this.#released = goesOn ? this.#ports.monotonic() : undefined;
    this.#bytes = bytes;
    return goesOn ? { releasedAt: this.#ports.now(), releasedBytes: bytes } : {};
  }

  begins(run: RegionRun): void {
    this.#run = run;
  }

  /** All fragments run; the receipt where that is the end of a move. */
  runs(run: RegionRun): MoveReceipt | undefined {
    if (this.#run !== run) return undefined;
    this.#run = undefined;
    const { assigned, assignment, release = {} } = run.options;
    const pause = assigned.handover ? this.#pause(release) : undefined;
    const bytes = this.#released === undefined ? (release.releasedBytes ?? 0) : this.#bytes;
    this.#released = undefined;
    if (pause === undefined) return undefined;
    const total = Math.max(pause, this.#ports.monotonic() - this.#heard);
    return {
      revision: assignment.revision,
      how: 'restart',
      pause: Math.round(pause),
      total: Math.round(total),
      bytes,
      rounds: 0,
      adopted: 0,
      carried: run.fragments.length,
      lost: 0,
      duplicated: 0,
    };
  }

  #pause({ releasedAt }: Pick<RegionRecord, 'releasedAt'>): number | undefined {
    if (this.#released !== undefined) return this.#ports.monotonic() - this.#released;
    if (releasedAt === undefined) return undefined;
    return Math.max(0, this.#ports.now() - releasedAt);
  }
}

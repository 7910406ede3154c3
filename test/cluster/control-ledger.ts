/** What fragments of a simulated cluster did, and what of it must not be: two owners of one timeline, output that comes twice. */
import type { FragmentStart } from '../../engine/runtime/fragment-handle.ts';

interface Region {
  /** Of the latest start. */
  epoch: number;
  checkpoint: number;
  /** The latest that anything was committed for, and at which epoch. */
  committed: number;
  readonly started: Set<string>;
}

export class ControlLedger {
  readonly violations: string[] = [];
  commits = 0;
  starts = 0;
  readonly #regions = new Map<string, Region>();

  started({ plan, epoch, checkpoint = 0 }: FragmentStart, agent: string): void {
    const region = this.#region(plan);
    this.starts += 1;
    const key = `${plan.name}@${epoch}`;
    if (region.started.has(key)) this.violations.push(`${key} was started twice, now by ${agent}`);
    region.started.add(key);
    if (epoch > region.epoch) {
      region.epoch = epoch;
      region.checkpoint = checkpoint;
      if (region.committed > checkpoint) {
        this.violations.push(`${key} starts from ${checkpoint}, though ${region.committed} was committed`);
      }
    } else if (epoch === region.epoch && checkpoint !== region.checkpoint) {
      this.violations.push(`${key} starts from ${checkpoint}, others of the epoch from ${region.checkpoint}`);
    }
  }

  committed({ plan, epoch }: FragmentStart, id: number, agent: string): void {
    const region = this.#region(plan);
    this.commits += 1;
    if (epoch < region.epoch && id > region.checkpoint) {
      this.violations.push(
        `${agent} commits ${id} of ${plan.name} at ${epoch}, though ${region.epoch} starts from ${region.checkpoint}`,
      );
    }
    region.committed = Math.max(region.committed, id);
  }

  #region({ namespace, app, region }: FragmentStart['plan']): Region {
    const name = `${namespace}/${app}/${region}`;
    const known = this.#regions.get(name) ?? { epoch: 0, checkpoint: 0, committed: 0, started: new Set<string>() };
    this.#regions.set(name, known);
    return known;
  }
}

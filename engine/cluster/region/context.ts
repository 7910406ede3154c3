/** What leading a region takes from the agent. */
import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import type { Ports } from '../../ports.ts';
import type { Checkpoints } from '../../state/checkpoint/checkpoints.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { Wish } from '../documents/messages.ts';
import type { MoveEvent } from '../documents/move-event.ts';
import type { AgentName } from '../documents/names.ts';
import type { AgentDisk } from '../memory/agent-disk.ts';
import type { RegionRecords } from '../memory/region-records.ts';
import type { Log } from '../process/log.ts';

export interface RegionContext {
  readonly ports: Ports;
  readonly name: AgentName;
  readonly incarnation: string;
  readonly disk: AgentDisk;
  readonly records: RegionRecords;
  readonly log: Log;
  /** The checkpoints of a region, on its own side of the network; `keep` of them. `known`: the last that was complete. */
  checkpoints(
    region: RegionName,
    domain: string | undefined,
    keep: number,
    known?: { readonly id: number; readonly epoch: number },
  ): Promise<Checkpoints>;
  /** Puts into the shared store what it has lost and this agent has copies of. */
  putBack(region: RegionName, domain: string | undefined, keep: number): Promise<void>;
  /** Deletes all checkpoints of a region. */
  dropState(region: RegionName, domain: string | undefined): Promise<void>;
  /** To the agent of a fragment, which may be this one; may be lost. */
  send(wish: Wish): void;
  /** True while the agent was heard of lately. */
  isAlive(agent: AgentName): boolean;
  distributed(digest: string): Promise<DistributedPlan>;
  /** Hears the phases of moves; absent where nobody does. */
  moved?(event: MoveEvent): void;
}

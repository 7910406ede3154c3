/** How far a region is, and who leads it. */
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import { type Versioned, versions } from './document.ts';
import { type AgentName, agentName } from './names.ts';
import { figure, flag, list, optional, type Read, shape, text, whole } from './read-json.ts';

/** `regions.<namespace>.<app>.<region>`: who leads a region, at which epoch, and how far it is. Changed by compare-and-set only. */
export interface RegionRecord extends Versioned {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
  /** The `deployed` of the assignment that it was last started for. */
  readonly deployed: number;
  readonly epoch: number;
  readonly holder: AgentName;
  readonly incarnation: string;
  /** The holder has stopped every fragment. */
  readonly released: boolean;
  /** When its last holder did so, milliseconds since the epoch, and bytes of the last checkpoint then; absent: it did not. */
  readonly releasedAt?: number;
  readonly releasedBytes?: number;
  /** All sources have ended and all sinks are closed. */
  readonly finished: boolean;
  /** The last complete checkpoint; 0: none. */
  readonly checkpoint: number;
  /** Ids up to this one may have been used. */
  readonly reserved: number;
  /** A start at this epoch was prepared beside the one that runs, and may never have begun; absent: none above `epoch`. */
  readonly prepared?: number;
  /** What it goes on from until a checkpoint of its own is complete. */
  readonly from?: readonly CheckpointOrigin[];
  /** The process of the NATS server that it was written to; absent where that is not known. */
  readonly server?: string;
}

export const checkpointOrigin: Read<CheckpointOrigin> = shape<CheckpointOrigin>({
  region: text,
  domain: optional(text),
  checkpoint: whole,
});

export const regionRecord: Read<RegionRecord> = shape<RegionRecord>({
  ...versions,
  namespace: text,
  app: text,
  region: text,
  deployed: whole,
  epoch: whole,
  holder: agentName,
  incarnation: text,
  released: flag,
  releasedAt: optional(figure),
  releasedBytes: optional(figure),
  finished: flag,
  checkpoint: whole,
  reserved: whole,
  prepared: optional(whole),
  from: optional(list(checkpointOrigin)),
  server: optional(text),
});

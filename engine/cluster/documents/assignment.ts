/** What the coordinator made of an app document: which agent runs what, and who leads. */
import type { AgentInfo } from '../../compile/distribute.ts';
import type { Host } from '../../compile/fragment-plan.ts';
import { type Overrides, overrides, type Wanted, wanted } from './app.ts';
import { type Versioned, versions } from './document.ts';
import { type AgentName, agentName } from './names.ts';
import { figure, flag, list, oneOfOr, optional, type Read, record, shape, text, whole, yes } from './read-json.ts';
import { type Trouble, trouble } from './troubles.ts';

export interface RegionAssignment {
  /** By `nextStep`; the region's leader counts on from it. */
  readonly epoch: number;
  readonly leader: AgentName;
  /** JetStream domain of the region's record and checkpoints; absent: of the leader's own server. */
  readonly domain?: string;
  /** The former leader is thought to live and ends its epoch with a checkpoint first. */
  readonly handover: boolean;
  /** All agents that have to do with it can hand over while rows flow. */
  readonly live?: true;
  /** The record in this place counts from this epoch on: what is older is of another time. Absent: all of it. */
  readonly since?: number;
  /** Where its nodes' state is as long as no such record is here. */
  readonly from?: readonly RegionOrigin[];
}

/** A region as it was assigned before, perhaps under another name or in another place. */
export interface RegionOrigin {
  readonly region: string;
  readonly domain?: string;
  readonly since: number;
  /** Its site was given up: where it cannot be reached, nobody waits for it. */
  readonly lost: boolean;
  /** Where it would have gone on from, should it never have been started. */
  readonly from: readonly RegionOrigin[];
}

/** Of a node that has to stay at a site which is to be left. */
export interface LeftBehind {
  readonly node: string;
  readonly site: string;
  /** As the end of `stays there: …`. */
  readonly why: string;
}

export interface FragmentAssignment {
  readonly region: string;
  readonly host: Host;
}

/** `assignments.<namespace>.<app>`: what the coordinator made of the app document. */
export interface AssignmentDocument extends Versioned {
  readonly namespace: string;
  readonly app: string;
  /** Of the app document that this answers. */
  readonly revision: number;
  readonly deployed: number;
  readonly wanted: Wanted;
  readonly drain?: boolean;
  readonly restore?: number;
  readonly fresh?: boolean;
  readonly asked?: number;
  /** What was moved and rescaled, as far as this assignment has it. */
  readonly overrides?: Overrides;
  /** Of the app document, when it was placed last. */
  readonly pauseBudget?: number;
  /** The revision at which it began without any state, the last time; absent: its first. */
  readonly begun?: number;
  /** Of the coordinator's lease. */
  readonly term: number;
  /** Digest of the logical plan that `distributed` was made of. */
  readonly plan: string;
  /** Digest of the distributed plan; `''` where there is none yet. */
  readonly distributed: string;
  readonly checkpoint: CheckpointPolicy;
  readonly regions: Readonly<Record<string, RegionAssignment>>;
  readonly fragments: Readonly<Record<string, FragmentAssignment>>;
  /** The agents that have something of it, as they were then: what is known of one that is silent. */
  readonly agents: readonly AgentInfo[];
  /** Where the partitions of each node run. */
  readonly nodes: Readonly<Record<string, readonly Host[]>>;
  /** What could not leave the sites that are drained, when it was placed. */
  readonly left?: readonly LeftBehind[];
  /** Why the app document could not be followed, wholly or in part. */
  readonly troubles: readonly Trouble[];
}

export interface CheckpointPolicy {
  /** Milliseconds. */
  readonly every: number;
  readonly keep: number;
}

const host = shape<Host>({ site: text, agent: text, worker: whole });

const origin: Read<RegionOrigin> = shape<RegionOrigin>({
  region: text,
  domain: optional(text),
  since: whole,
  lost: flag,
  from: (value, path) => list(origin)(value, path),
});

const leftBehind = shape<LeftBehind>({ node: text, site: text, why: text });

export const assignmentDocument: Read<AssignmentDocument> = shape<AssignmentDocument>({
  ...versions,
  namespace: text,
  app: text,
  revision: whole,
  deployed: whole,
  wanted,
  drain: optional(flag),
  restore: optional(whole),
  fresh: optional(flag),
  asked: optional(whole),
  overrides: optional(overrides),
  pauseBudget: optional(figure),
  begun: optional(whole),
  term: whole,
  plan: text,
  distributed: text,
  checkpoint: shape<CheckpointPolicy>({ every: whole, keep: whole }),
  regions: record(
    shape<RegionAssignment>({
      epoch: whole,
      leader: agentName,
      domain: optional(text),
      handover: flag,
      live: optional(yes),
      since: optional(whole),
      from: optional(list(origin)),
    }),
  ),
  fragments: record(shape<FragmentAssignment>({ region: text, host })),
  agents: list(
    shape<AgentInfo>({
      site: text,
      agent: text,
      tier: oneOfOr<AgentInfo['tier']>('edge', 'cloud'),
      labels: list(text),
      devices: list(text),
      workers: whole,
    }),
  ),
  nodes: record(list(host)),
  left: optional(list(leftBehind)),
  troubles: list(trouble),
});

/**
 * The documents of the control plane, each a JSON value in KV or in a message. Each says the format it is written in and the oldest that
 * can read it; members that a version does not know are kept when it writes the document again.
 */
import type { AgentInfo } from '../../compile/distribute.ts';
import type { Host } from '../../compile/fragment-plan.ts';
import { externalError } from '../../errors.ts';
import { parseValue, stringifyValue } from '../../json.ts';
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import { flag, list, oneOf, oneOfOr, optional, type Read, record, shape, text, whole } from './read-json.ts';

/** Rises where a document gains a meaning that older versions must not overlook. */
export const FORMAT = 2;
/** The format in which regions began to go on from others: whoever overlooks that begins at the beginning. */
const ORIGINS = 2;

export interface Versioned {
  readonly format: number;
  /** The oldest format whose readers take this document right. */
  readonly oldest: number;
}

export const versioned: Versioned = { format: FORMAT, oldest: 1 };

/** `hasOrigins`: the document says where else the state of a region is. */
export function versionOf(hasOrigins: boolean): Versioned {
  return { format: FORMAT, oldest: hasOrigins ? ORIGINS : 1 };
}

export type Wanted = 'running' | 'paused' | 'stopped' | 'undeployed';

/** `apps.<namespace>.<app>`: what the user wishes. Kept when the app is undeployed, so that revisions go on rising. */
export interface AppDocument extends Versioned {
  readonly namespace: string;
  readonly app: string;
  /** Rises with every change. */
  readonly revision: number;
  /** The revision of the latest deploy or restore: what runs for an older one is replaced. */
  readonly deployed: number;
  readonly wanted: Wanted;
  /** Stop by ending the sources and letting everything flow out. */
  readonly drain?: boolean;
  /** Digest of the logical plan. */
  readonly plan: string;
  /** Names only: values may be secret. */
  readonly parameters: readonly string[];
  /** Start from this checkpoint and forget later ones. */
  readonly restore?: number;
  /** Start without the state of older revisions. */
  readonly fresh?: boolean;
  /** The revision at which a checkpoint was asked for last. */
  readonly asked?: number;
  /** Milliseconds since the epoch. */
  readonly changed: number;
}

export interface AgentName {
  readonly site: string;
  readonly agent: string;
}

export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface RegionAssignment {
  /** By `nextStep`; the region's leader counts on from it. */
  readonly epoch: number;
  readonly leader: AgentName;
  /** JetStream domain of the region's record and checkpoints; absent: of the leader's own server. */
  readonly domain?: string;
  /** The former leader is thought to live and ends its epoch with a checkpoint first. */
  readonly handover: boolean;
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

/** `sites.<site>`: what the user said of a site. */
export interface SiteDocument extends Versioned {
  readonly site: string;
  /** Its agents are gone for good, as far as anyone is concerned: what they ran may run elsewhere. */
  readonly forgotten: boolean;
  /** Nothing new goes there, and what can move moves away. */
  readonly draining: boolean;
  readonly changed: number;
}

/** `coordinator`: who leads. Renewed again and again; whoever sees it unchanged for too long takes it over. */
export interface LeaseDocument extends Versioned {
  readonly holder: AgentName;
  readonly incarnation: string;
  readonly renewed: number;
}

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
  /** All sources have ended and all sinks are closed. */
  readonly finished: boolean;
  /** The last complete checkpoint; 0: none. */
  readonly checkpoint: number;
  /** Ids up to this one may have been used. */
  readonly reserved: number;
  /** What it goes on from until a checkpoint of its own is complete. */
  readonly from?: readonly CheckpointOrigin[];
}

const versions = { format: whole, oldest: whole };
const wanted = oneOf<Wanted>('running', 'paused', 'stopped', 'undeployed');
const agentName = shape<AgentName>({ site: text, agent: text });
const host = shape<Host>({ site: text, agent: text, worker: whole });
const trouble = shape<Trouble>({ code: text, message: text, hint: optional(text) });
const origin: Read<RegionOrigin> = shape<RegionOrigin>({
  region: text,
  domain: optional(text),
  since: whole,
  lost: flag,
  from: (value, path) => list(origin)(value, path),
});
const leftBehind = shape<LeftBehind>({ node: text, site: text, why: text });

export const checkpointOrigin: Read<CheckpointOrigin> = shape<CheckpointOrigin>({
  region: text,
  domain: optional(text),
  checkpoint: whole,
});

export const appDocument: Read<AppDocument> = shape<AppDocument>({
  ...versions,
  namespace: text,
  app: text,
  revision: whole,
  deployed: whole,
  wanted,
  drain: optional(flag),
  plan: text,
  parameters: list(text),
  restore: optional(whole),
  fresh: optional(flag),
  asked: optional(whole),
  changed: whole,
});

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

export const siteDocument: Read<SiteDocument> = shape<SiteDocument>({
  ...versions,
  site: text,
  forgotten: flag,
  draining: flag,
  changed: whole,
});

export const leaseDocument: Read<LeaseDocument> = shape<LeaseDocument>({
  ...versions,
  holder: agentName,
  incarnation: text,
  renewed: whole,
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
  finished: flag,
  checkpoint: whole,
  reserved: whole,
  from: optional(list(checkpointOrigin)),
});

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeDocument(document: object): Uint8Array {
  return encoder.encode(stringifyValue(document));
}

/** Throws `cluster.bad-document` or `cluster.newer-document`; `what` names it in messages. */
export function decodeDocument<T extends Versioned>(read: Read<T>, bytes: Uint8Array, what: string): T {
  const value = parseBytes(bytes, what);
  const oldest = (value as { readonly oldest?: unknown } | null)?.oldest;
  if (typeof oldest === 'number' && oldest > FORMAT) {
    throw externalError('cluster.newer-document', `${what} was written by a version that this one cannot follow`, {
      hint: 'bring this agent or command to the version of the others',
    });
  }
  return read(value, what);
}

/** The JSON value of a message; throws `cluster.bad-document`. */
export function parseBytes(bytes: Uint8Array, what: string): unknown {
  try {
    return parseValue(decoder.decode(bytes));
  } catch (cause) {
    throw externalError('cluster.bad-document', `${what} is no JSON`, { cause });
  }
}

export function sameAgent(one: AgentName, other: AgentName): boolean {
  return one.site === other.site && one.agent === other.agent;
}

export function agentLabel({ site, agent }: AgentName): string {
  return `${site}/${agent}`;
}

/** What the user wishes of an app. */
import type { Override } from '../../compile/distribute.ts';
import { type Versioned, versions } from './document.ts';
import { figure, flag, list, oneOf, optional, type Read, record, shape, text, whole } from './read-json.ts';

export type Wanted = 'running' | 'paused' | 'stopped' | 'undeployed';

/** Where an entry of the graph is to be by somebody's word, and at which revision that was said last. */
export interface AskedOverride extends Override {
  readonly asked: number;
}

/** By the name of the entry. */
export type Overrides = Readonly<Record<string, AskedOverride>>;

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
  /** What was moved or rescaled since it was deployed; a new deployment drops it. */
  readonly overrides?: Overrides;
  /** Milliseconds that rows may be held up by the change that was asked for last, if that can be had. */
  readonly pauseBudget?: number;
  /** Milliseconds since the epoch. */
  readonly changed: number;
}

export const wanted: Read<Wanted> = oneOf<Wanted>('running', 'paused', 'stopped', 'undeployed');

export const overrides: Read<Overrides> = record(
  shape<AskedOverride>({ site: optional(text), agent: optional(text), partitions: optional(whole), asked: whole }),
);

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
  overrides: optional(overrides),
  pauseBudget: optional(figure),
  changed: whole,
});

/** What the user wishes of an app. */
import { type Versioned, versions } from './document.ts';
import { flag, list, oneOf, optional, type Read, shape, text, whole } from './read-json.ts';

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

export const wanted: Read<Wanted> = oneOf<Wanted>('running', 'paused', 'stopped', 'undeployed');

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

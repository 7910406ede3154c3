/**
 * What the main thread and a worker that runs fragments say to each other, carried by structured clone, so that maps, bigints and bytes go as
 * they are. A fragment is called by a number that the main thread gives it; a call that is answered, by another.
 */
import { defined } from '../../defined.ts';
import { CloudskinError, type Domain, type Problem } from '../../errors.ts';
import type { FragmentReceipt } from '../../state/checkpoint/checkpoints.ts';
import type { BarrierOptions, Bequest, FragmentStart, FragmentStatus, StopHow, TookOver } from '../fragment-handle.ts';

/** To a worker. */
export type Order =
  | { readonly kind: 'setup'; readonly setup: unknown }
  | { readonly kind: 'start'; readonly call: number; readonly fragment: number; readonly start: FragmentStart }
  | { readonly kind: 'checkpoint'; readonly fragment: number; readonly id: number; readonly options?: BarrierOptions }
  | { readonly kind: 'ask'; readonly call: number; readonly fragment: number; readonly what: Ask }
  | { readonly kind: 'close'; readonly call: number }
  /** The text of `said` has gone where it goes. */
  | { readonly kind: 'heard'; readonly said: number };

export type Ask =
  | { readonly kind: 'commit'; readonly id: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'finish' }
  | { readonly kind: 'bequeath'; readonly bequest: Bequest | undefined }
  | { readonly kind: 'stop'; readonly how: StopHow };

/** From a worker. */
export type Word =
  | { readonly kind: 'set-up'; readonly error?: PlainError }
  | { readonly kind: 'answer'; readonly call: number; readonly error?: PlainError }
  | { readonly kind: 'status'; readonly fragment: number; readonly status: FragmentStatus }
  | { readonly kind: 'saved'; readonly fragment: number; readonly id: number; readonly receipt: FragmentReceipt }
  | { readonly kind: 'not-saved'; readonly fragment: number; readonly id: number; readonly error: PlainError }
  | { readonly kind: 'ready' | 'ended'; readonly fragment: number }
  | { readonly kind: 'took-over'; readonly fragment: number; readonly figures: TookOver }
  | { readonly kind: 'handed-over'; readonly fragment: number; readonly id: number }
  | { readonly kind: 'over'; readonly fragment: number; readonly status: FragmentStatus; readonly error?: PlainError }
  /** What console sinks print; `said` counts, to be answered by `heard`. */
  | { readonly kind: 'said'; readonly said: number; readonly text: string }
  /** For whoever keeps the log; in the form that the two ends agree on. */
  | { readonly kind: 'log'; readonly entry: unknown };

/** An error as data. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly domain: Domain;
  readonly retry: boolean;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];
}

export function plainError(error: unknown): PlainError {
  if (error instanceof CloudskinError) {
    const { code, message, domain, retry, hint, problems } = error;
    return { code, message, domain, retry, hint, problems };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'runtime.failed', message, domain: 'internal', retry: false, hint: undefined, problems: [] };
}

export function errorOf({ code, message, domain, retry, hint, problems }: PlainError): CloudskinError {
  return new CloudskinError(code, message, { domain, retry, problems, ...defined({ hint }) });
}

/** One end of a port: worker_threads' `parentPort`, `Worker` and `MessagePort` all are. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

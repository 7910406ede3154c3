/** What is known of a stream while a plan is built: its schema, and what a window over it must know. */
import type { Schema } from '../../batch/types.ts';
import type { ErrorPolicy } from '../document.ts';
import { ERRORS_SCHEMA } from '../plan.ts';

/** Why a window cannot stand on a stream, told where one tries. */
export interface NoWindow {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Stream {
  readonly schema: Schema;
  /** Microseconds: the time column holds the ends of windows of this size. */
  readonly grid?: bigint;
  /** Set where the schema marks no time column, or one that windows cannot use. */
  readonly noWindow?: NoWindow;
}

/** The outputs of a node by port; undefined where the node has errors and nothing can be said of what reads it. */
export type Outputs = ReadonlyMap<string, Stream> | undefined;

/** A node's outputs: the main one, and `errors` where `onError` diverts. */
export function outputs(main: Stream, onError: ErrorPolicy | undefined): Map<string, Stream> {
  const ports = new Map([['', main]]);
  if (onError === 'divert') ports.set('errors', { schema: ERRORS_SCHEMA, noWindow: NO_TIME_IN_ERRORS });
  return ports;
}

const NO_TIME_IN_ERRORS: NoWindow = { code: 'graph.no-time', message: 'an errors output has no event time' };

/** What a run is given besides its plan, and the bounds that hold where nothing else is said. */
import { dirname } from 'node:path';
import process from 'node:process';
import type { Cell } from '../cell/cell.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { internalError } from '../errors.ts';
import type { Connector } from '../graph/connector.ts';
import { environmentSecrets, type SecretLookup } from '../graph/secrets.ts';
import type { TraceOptions } from '../metrics/trace.ts';
import type { Ports } from '../ports.ts';
import { readSecret } from './secret-files.ts';
import type { TroubleListener } from './troubles.ts';

export interface RuntimeOptions {
  readonly connectors: readonly Connector[];
  /** Makes a cell of its plan. */
  readonly openCell: (plan: CellPlan) => Cell | Promise<Cell>;
  readonly ports?: Ports;
  /** Answers `${secret:name}` in options of connectors; `environmentSecrets` unless given. */
  readonly secrets?: SecretLookup;
  /** Where relative paths count from; the graph file's directory unless given. */
  readonly directory?: string;
  /** Where `console` writes. */
  readonly stdout?: (text: string) => void | Promise<void>;
  /** Hears where a source that takes connections can be reached. */
  readonly listening?: (source: string, address: string) => void;
  /** Hears what sources and sinks go on trying. */
  readonly trouble?: TroubleListener;
  readonly color?: boolean;
  readonly width?: number;
  /** Follows some batches; none unless given. */
  readonly traces?: TraceOptions;
  /** Bytes that may wait before each sink; 8 MiB unless given. */
  readonly queueBytes?: number;
  /** Bytes that `orderBy` may read into memory, a source; 512 MiB unless given. */
  readonly orderBytes?: number;
}

export const QUEUE_BYTES: number = 8 * 1_048_576;
export const ORDER_BYTES: number = 512 * 1_048_576;
/** Milliseconds without a row after which sinks of a run that has no end, or is paced, are flushed. */
export const QUIET = 20;
/** Milliseconds that each cleaning-up may take. */
export const PATIENCE = 2_000;

export function secretsOf(options: Pick<RuntimeOptions, 'secrets'>): SecretLookup {
  return options.secrets ?? environmentSecrets(process.env, readSecret);
}

/** The directory of a graph file; of a graph from elsewhere (`<object>`) the working directory. */
export function directoryOf(file: string): string {
  return file.startsWith('<') ? process.cwd() : dirname(file);
}

export function connectorNamed(options: RuntimeOptions, name: string): Connector {
  const found = options.connectors.find((connector) => connector.name === name);
  if (found === undefined) throw internalError('runtime.no-connector', `there is no connector ${name}`);
  return found;
}

export function writeStdout(text: string): void | Promise<void> {
  if (process.stdout.write(text)) return;
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}

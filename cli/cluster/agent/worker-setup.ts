/** What an agent's main thread tells a worker thread when it starts it, and what the worker says back. */
import type { MessagePort } from 'node:worker_threads';
import type { PoolFigures } from '../../../engine/cell/pools.ts';
import type { LogFields, LogLevel } from '../../../engine/cluster/process/log.ts';
import type { Span } from '../../../engine/metrics/trace.ts';
import type { NatsAccess } from '../connect.ts';

export interface WorkerSetup {
  readonly servers: readonly string[];
  readonly access: NatsAccess;
  /** What the NATS server calls the connection. */
  readonly name: string;
  /** The agent's own directory. */
  readonly directory: string;
  /** Of the key that checkpoints are encrypted with. */
  readonly keyFile?: string;
  /** Servers that keep checkpoints and durable streams; as many as do already unless given. */
  readonly replicas?: number;
  /** One source batch in so many is followed; absent: none. */
  readonly traceEvery?: number;
  /** What the thread keeps for cells that start is to be told. */
  readonly tellsPools?: boolean;
}

/** Given to the thread as it starts: the way to the other worker threads. */
export interface WorkerData {
  readonly port: MessagePort;
}

/** For the log, or a span of a trace, or what the thread keeps. */
export type WorkerEntry = WorkerLogEntry | { readonly span: Span } | { readonly pools: readonly PoolFigures[] };

export interface WorkerLogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

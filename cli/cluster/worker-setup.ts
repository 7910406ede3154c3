/** What an agent's main thread tells a worker thread when it starts it, and what the worker says back for the log. */
import type { MessagePort } from 'node:worker_threads';
import type { LogFields, LogLevel } from '../../engine/cluster/log.ts';

export interface WorkerSetup {
  readonly servers: readonly string[];
  readonly credentials?: string;
  /** What the NATS server calls the connection. */
  readonly name: string;
  /** The agent's own directory. */
  readonly directory: string;
  /** Of the key that checkpoints are encrypted with. */
  readonly keyFile?: string;
}

/** Given to the thread as it starts: the way to the other worker threads. */
export interface WorkerData {
  readonly port: MessagePort;
}

export interface WorkerLogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

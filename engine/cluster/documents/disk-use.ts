/** What an agent says of the disk that its state lies on. */
import type { LogSize } from '../../state/log/logs-in.ts';
import { figure, flag, list, oneOf, optional, type Read, shape, text } from './read-json.ts';

/** Of a journal, or of the near side of a durable channel. */
export interface LogUse extends LogSize {
  /** Bytes that it may hold; absent where nobody runs it who knows. */
  readonly maxBytes?: number;
}

/** Bytes. */
export interface DiskUse {
  /** The agent's own, on that disk. */
  readonly directory: string;
  readonly free: number;
  readonly size: number;
  /** Left free by logs, for checkpoints. */
  readonly reserve: number;
  /** Logs wait for room, or are about to. */
  readonly short: boolean;
  /** Since when that is so, in milliseconds since the epoch. */
  readonly since?: number;
  /** The largest of them. */
  readonly logs: readonly LogUse[];
}

const logUse = shape<LogUse>({
  kind: oneOf<LogSize['kind']>('journal', 'channel'),
  namespace: text,
  app: text,
  name: text,
  bytes: figure,
  oldest: optional(figure),
  maxBytes: optional(figure),
});

export const diskUse: Read<DiskUse> = shape<DiskUse>({
  directory: text,
  free: figure,
  size: figure,
  reserve: figure,
  short: flag,
  since: optional(figure),
  logs: list(logUse),
});

/** An agent's log: JSON lines by pino on standard error, with site and agent in each. */
import { pino } from 'pino';
import type { Log } from '../../../engine/cluster/process/log.ts';

/** `level`: the least that is written. */
export function agentLog(level: string, base: Readonly<Record<string, string>>): Log {
  // Synchronous, so that the last words of a process that dies are there, too; agents say little.
  const logger = pino(
    { level, base, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 2, sync: true }),
  );
  return (kind, message, fields) => {
    logger[kind](fields ?? {}, message);
  };
}

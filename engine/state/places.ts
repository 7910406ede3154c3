/** What lies where in a data directory: an agent's, or that of `run --state`. */
import { join } from 'node:path';

export function checkpointsIn(directory: string): string {
  return join(directory, 'checkpoints');
}

/** Of sources that cannot replay. */
export function journalsIn(directory: string): string {
  return join(directory, 'journals');
}

/** What senders of durable channels keep. */
export function channelLogsIn(directory: string): string {
  return join(directory, 'durable');
}

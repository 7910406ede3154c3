/** The logs that a data directory holds, whoever wrote them: journals of sources, and what senders of durable channels keep. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../errors.ts';
import { channelLogsIn, journalsIn } from '../places.ts';
import { firstOf } from './segment.ts';

export interface LogSize {
  readonly kind: 'journal' | 'channel';
  readonly namespace: string;
  readonly app: string;
  /** The source, of all its partitions here, or the channel. */
  readonly name: string;
  readonly bytes: number;
  /** When its oldest file was begun, in milliseconds since the epoch; absent: it has none. */
  readonly oldest?: number;
}

/** The largest first. */
export async function logsIn(directory: string): Promise<readonly LogSize[]> {
  const [channels, journals] = await Promise.all([
    sizesIn(channelLogsIn(directory), 'channel'),
    sizesIn(journalsIn(directory), 'journal'),
  ]);
  return [...channels, ...journals].sort((a, b) => b.bytes - a.bytes);
}

async function sizesIn(place: string, kind: LogSize['kind']): Promise<readonly LogSize[]> {
  const found = new Map<string, LogSize>();
  for (const entry of await readdir(place, { recursive: true, withFileTypes: true }).catch(orNone)) {
    if (!entry.isFile() || firstOf(entry.name) === undefined) continue;
    const parts = entry.parentPath.slice(place.length + 1).split(/[\\/]/);
    // of a journal of a later beginning of the app, too (journals.ts)
    const [namespace = '', app = '', name = ''] = parts.filter((part) => !part.startsWith('@'));
    const file = await stat(join(entry.parentPath, entry.name)).catch(orUndefined);
    if (file === undefined) continue;
    const label = `${namespace}/${app}/${name}`;
    const { bytes, oldest = file.birthtimeMs } = found.get(label) ?? { bytes: 0 };
    const size = { kind, namespace, app, name, bytes: bytes + file.size };
    found.set(label, { ...size, oldest: Math.round(Math.min(oldest, file.birthtimeMs)) });
  }
  return [...found.values()];
}

function orNone(error: unknown): [] {
  if (systemCode(error) === 'ENOENT') return [];
  throw error;
}

/** Trimmed meanwhile. */
function orUndefined(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
}

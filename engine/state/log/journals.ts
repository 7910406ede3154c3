/**
 * Where journals of sources are kept: a log for each partition, in a directory of the app's. An app that began anew has one of its own, so that it does
 * not go on with what was written down for an earlier one of its name, also where nobody was there to delete that.
 *
 *     journals/<namespace>/<app>/<source>/<partition>            of the app's first beginning
 *     journals/<namespace>/<app>/@<revision>/<source>/<partition>
 */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../../defined.ts';
import type { DiskRoom } from '../disk/room.ts';
import { journalsIn } from '../places.ts';
import { openLog } from './disk.ts';
import type { RecordLog } from './log.ts';

/** Bytes that the journal of a partition may hold; then its source waits for a checkpoint. */
export const JOURNAL_BYTES: number = 256 * 1_048_576;

export interface JournalName {
  readonly namespace: string;
  readonly app: string;
  /** The revision at which the app began; absent: its first. */
  readonly begun?: number;
  readonly source: string;
  readonly partition: string;
}

/** Removes what is left of earlier beginnings. `disk`: as of any log. */
export async function openJournal(directory: string, name: JournalName, disk?: DiskRoom): Promise<RecordLog> {
  const { begun = 0, source, partition } = name;
  const all = journalsOf(directory, name);
  if (begun > 0) await removeEarlier(all, begun);
  // A partition may be called anything.
  const own = createHash('sha256').update(partition).digest('hex').slice(0, 16);
  const place = begun > 0 ? join(all, `@${begun}`) : all;
  return openLog({ directory: join(place, source, own), maxBytes: JOURNAL_BYTES, ...defined({ disk }) });
}

/** All journals of an app. */
export async function removeJournals(directory: string, app: Pick<JournalName, 'namespace' | 'app'>): Promise<void> {
  await rm(journalsOf(directory, app), { recursive: true, force: true });
}

function journalsOf(directory: string, { namespace, app }: Pick<JournalName, 'namespace' | 'app'>): string {
  return join(journalsIn(directory), namespace, app);
}

async function removeEarlier(all: string, begun: number): Promise<void> {
  for (const name of await readdir(all).catch(() => [])) {
    // names of sources do not begin so
    const of = name.startsWith('@') ? Number(name.slice(1)) : 0;
    if (of < begun) await rm(join(all, name), { recursive: true, force: true });
  }
}

/** `checkpoint list` and `checkpoint verify`: what there is, and whether it can be used. */
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { Manifest } from '../../engine/state/checkpoint/checkpoints.ts';
import { paint } from '../output/paint.ts';
import { columns } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import type { CheckpointFlags, Place, RegionPlace } from './place.ts';

interface Entry {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
  readonly id: number;
  readonly epoch?: number;
  readonly revision?: number;
  readonly completed?: string;
  readonly took?: number;
  readonly fragments?: number;
  /** Of everything that it needs, and of what was written for it. */
  readonly bytes?: number;
  readonly written?: number;
  readonly problem?: string;
}

export async function listCheckpoints(place: Place, { json }: CheckpointFlags, terminal: Terminal): Promise<void> {
  const entries: Entry[] = [];
  for (const region of place.regions) {
    for (const { id, manifest, problem } of await region.checkpoints.list())
      entries.push(entryOf(region, id, manifest, problem));
  }
  const found = await stillThere(place, entries);
  if (found.length === 0) throw none(place);
  await print(found, json === true, terminal, 'complete');
}

/** What a first checkpoint wrote before it was complete is no checkpoint. */
function none({ description }: Place): Error {
  return userError('checkpoint.none', `there are no complete checkpoints in ${description}`, {
    hint: 'the first one may be under way, or what took it ended before it was complete',
  });
}

/** False where one of them cannot be used. */
export async function verifyCheckpoints(
  place: Place,
  id: string | undefined,
  { json }: CheckpointFlags,
  terminal: Terminal,
): Promise<boolean> {
  const wanted = id === undefined ? undefined : parseId(id);
  const entries: Entry[] = [];
  for (const region of place.regions) {
    for (const { id: found, manifest, problem } of await region.checkpoints.list()) {
      if (wanted !== undefined && found !== wanted) continue;
      const bad = problem ?? (manifest === undefined ? 'it is empty' : await region.checkpoints.verify(manifest));
      entries.push(entryOf(region, found, manifest, bad));
    }
  }
  const looked = await stillThere(place, entries);
  if (looked.length === 0) throw noSuch(place, id);
  await print(looked, json === true, terminal, 'sound');
  return looked.every(({ problem }) => problem === undefined);
}

/** Without those that were forgotten while they were looked at, as an app that runs does it with its oldest: nothing is wrong with them. */
async function stillThere({ regions }: Place, entries: readonly Entry[]): Promise<readonly Entry[]> {
  if (entries.every(({ problem }) => problem === undefined)) return entries;
  const there = new Set<string>();
  for (const region of regions) {
    for (const { id } of await region.checkpoints.list()) there.add(nameOf({ ...region, id }));
  }
  return entries.filter((entry) => entry.problem === undefined || there.has(nameOf(entry)));
}

function nameOf({ namespace, app, region, id }: Pick<Entry, 'namespace' | 'app' | 'region' | 'id'>): string {
  return `${namespace}/${app}/${region}/${id}`;
}

/** Throws `cli.bad-checkpoint`. */
export function parseId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw userError('cli.bad-checkpoint', `${text} is not the number of a checkpoint`);
}

export function noSuch({ description }: Place, id: string | undefined): Error {
  const what = id === undefined ? 'no complete checkpoint' : `no checkpoint ${id}`;
  return userError('checkpoint.none', `there is ${what} in ${description}`, {
    hint: 'cloudskin checkpoint list shows those there are',
  });
}

function entryOf(
  { namespace, app, region }: RegionPlace,
  id: number,
  manifest: Manifest | undefined,
  problem: string | undefined,
): Entry {
  const entry = { namespace, app, region, id, ...defined({ problem }) };
  if (manifest === undefined) return entry;
  const { epoch, revision, started, completed, fragments } = manifest;
  const blobs = new Map(fragments.flatMap((receipt) => receipt.blobs.map(({ name, bytes }) => [name, bytes])));
  return {
    ...entry,
    epoch,
    revision,
    completed: new Date(completed).toISOString(),
    took: completed - started,
    fragments: fragments.length,
    bytes: [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0),
    written: fragments.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function print(entries: readonly Entry[], json: boolean, terminal: Terminal, good: string): Promise<void> {
  if (json) {
    await terminal.out(`${JSON.stringify({ checkpoints: entries })}\n`);
    return;
  }
  const heading = ['APP', 'REGION', 'ID', 'EPOCH', 'COMPLETED', 'TOOK', 'WRITTEN', 'NEEDS', 'STATE'];
  const rows = entries.map((entry) => [
    entry.namespace === 'default' ? entry.app : `${entry.namespace}/${entry.app}`,
    entry.region,
    String(entry.id),
    String(entry.epoch ?? ''),
    entry.completed ?? '',
    entry.took === undefined ? '' : `${entry.took} ms`,
    bytesText(entry.written),
    bytesText(entry.bytes),
    entry.problem ?? good,
  ]);
  const table = columns([heading, ...rows], [2, 3, 5, 6, 7]);
  const lines = table.trimEnd().split('\n');
  const painted = lines.map((line, index) => {
    const entry = entries[index - 1];
    return entry?.problem === undefined ? line : paint(line, 'red', terminal.outColor);
  });
  await terminal.out(`${painted.join('\n')}\n`);
}

/** `512 B`, `1.4 MiB`. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) return '';
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

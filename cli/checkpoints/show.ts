/** `checkpoint show`: what is in one checkpoint. */
import { userError } from '../../engine/errors.ts';
import type { Manifest } from '../../engine/state/checkpoint/checkpoints.ts';
import type { CellSnapshot, FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';
import { count } from '../output/figures.ts';
import type { Terminal } from '../output/terminal.ts';
import { bytesText, noSuch, parseId } from './list.ts';
import type { CheckpointFlags, Place, RegionPlace } from './place.ts';

interface Shown {
  readonly manifest: Manifest;
  readonly snapshots: readonly FragmentSnapshot[];
}

export async function showCheckpoint(
  place: Place,
  id: string | undefined,
  { json }: CheckpointFlags,
  terminal: Terminal,
): Promise<void> {
  const all: Shown[] = [];
  for (const region of place.regions) {
    const manifest = await manifestOf(region, id === undefined ? undefined : parseId(id));
    if (manifest === undefined) continue;
    const snapshots: FragmentSnapshot[] = [];
    for (const { fragment } of manifest.fragments) snapshots.push(await region.checkpoints.load(manifest, fragment));
    all.push({ manifest, snapshots });
  }
  if (all.length === 0) throw noSuch(place, id);
  const text = json === true ? `${JSON.stringify({ checkpoints: all.map(plainOf) })}\n` : all.map(textOf).join('\n');
  await terminal.out(text);
}

/** The newest that can be read, unless one is asked for. Throws `checkpoint.unusable` where there are some, and none of them can. */
async function manifestOf({ region, checkpoints }: RegionPlace, id: number | undefined): Promise<Manifest | undefined> {
  const listed = await checkpoints.list();
  const wanted = id === undefined ? listed : listed.filter((entry) => entry.id === id);
  const readable = wanted.find(({ manifest }) => manifest !== undefined);
  const [newest] = wanted;
  if (readable !== undefined || newest?.problem === undefined) return readable?.manifest;
  throw userError('checkpoint.unusable', `checkpoint ${newest.id} of region ${region}: ${newest.problem}`, {
    hint: '`cloudskin checkpoint list` says which can be used; those that are encrypted need --key-file',
  });
}

function plainOf({ manifest, snapshots }: Shown): object {
  const { fragments: _, ...head } = manifest;
  return { ...head, fragments: snapshots.map((snapshot) => plainFragment(manifest, snapshot)) };
}

function plainFragment({ fragments }: Manifest, snapshot: FragmentSnapshot): object {
  const receipt = fragments.find(({ fragment }) => fragment === snapshot.fragment);
  const sources = [...snapshot.sources].map(([source, { partitions }]) => {
    const plain = [...partitions].map(([partition, state]) => {
      return { partition, ...state, ...(state.greatest === undefined ? {} : { greatest: String(state.greatest) }) };
    });
    return { source, partitions: plain };
  });
  return {
    fragment: snapshot.fragment,
    written: receipt?.bytes,
    blobs: receipt?.blobs,
    paused: receipt?.paused,
    took: receipt?.took,
    sources,
    cells: [...snapshot.cells].map(([cell, state]) => ({ cell, ...plainCell(state) })),
    sinks: [...snapshot.sinks].map(([sink, { prepared, frozen }]) => ({ sink, prepared, frozen: sizeOf(frozen) })),
    counters: Object.fromEntries(snapshot.counters),
  };
}

function plainCell({ image, logical, watermark, ended }: CellSnapshot): object {
  return {
    ...(image === undefined ? {} : { image: { module: image.module, memory: image.memory.length } }),
    ...(logical === undefined
      ? {}
      : {
          logical: logical.map(({ operator, kind, batches }) => {
            return { operator, kind, rows: batches.reduce((sum, { rows }) => sum + rows, 0) };
          }),
        }),
    ...(watermark === undefined ? {} : { watermark: String(watermark) }),
    ...(ended === true ? { ended } : {}),
  };
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function textOf({ manifest, snapshots }: Shown): string {
  const { namespace, app, region, id, epoch, revision, started, completed } = manifest;
  const name = namespace === 'default' ? app : `${namespace}/${app}`;
  const lines = [
    `checkpoint ${id} of ${name}, region ${region}: epoch ${epoch}, revision ${revision}`,
    `complete at ${new Date(completed).toISOString()} after ${completed - started} ms`,
  ];
  for (const snapshot of snapshots) lines.push(...fragmentLines(manifest, snapshot));
  return `${lines.join('\n')}\n`;
}

function fragmentLines({ fragments }: Manifest, snapshot: FragmentSnapshot): readonly string[] {
  const receipt = fragments.find(({ fragment }) => fragment === snapshot.fragment);
  const stood =
    receipt === undefined
      ? ''
      : `: stood still for ${receipt.paused.toFixed(1)} ms, wrote ${bytesText(receipt.bytes)} in ${receipt.took.toFixed(0)} ms`;
  const lines = [`fragment ${snapshot.fragment}${stood}`];
  for (const [source, { partitions }] of snapshot.sources) {
    for (const [partition, { position, rows, ended }] of partitions) {
      const where = position === undefined ? 'the beginning' : JSON.stringify(position);
      lines.push(
        `  source ${[source, partition].filter((part) => part !== '').join(' ')}: ${where} and ${count(rows)} rows${ended ? ', ended' : ''}`,
      );
    }
  }
  for (const [cell, state] of snapshot.cells) lines.push(`  cell ${cell}: ${cellText(state)}`);
  for (const [sink, { prepared, frozen }] of snapshot.sinks) {
    const held = frozen.length === 0 ? '' : `, ${bytesText(sizeOf(frozen))} held`;
    lines.push(`  sink ${sink}: ${JSON.stringify(prepared)}${held}`);
  }
  return lines;
}

function cellText({ image, logical, watermark, ended }: CellSnapshot): string {
  const parts: string[] = [];
  if (image !== undefined)
    parts.push(`image of ${bytesText(image.memory.length)}, module ${image.module.slice(0, 12)}`);
  for (const { operator, kind, batches } of logical ?? []) {
    parts.push(`${operator} ${kind} of ${count(batches.reduce((sum, { rows }) => sum + rows, 0))} rows`);
  }
  if (watermark !== undefined) parts.push(`watermark ${new Date(Number(watermark / 1000n)).toISOString()}`);
  if (ended === true) parts.push('ended');
  return parts.length === 0 ? 'no state' : parts.join(', ');
}

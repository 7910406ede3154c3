/** Of snapshots, as lines for people. */
import type { FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';
import type { ImageSize, SnapshotOrigin } from '../../engine/state/snapshot/format.ts';
import { bytesText } from '../checkpoints/list.ts';
import { count, plural } from '../output/figures.ts';

export function originText({
  namespace,
  app,
  region,
  cell,
  epoch,
  revision,
  checkpoint,
  taken,
}: SnapshotOrigin): string {
  const name = namespace === 'default' ? app : `${namespace}/${app}`;
  const when = new Date(taken).toISOString();
  return `cell ${cell} of ${name}, region ${region}, at checkpoint ${checkpoint} of ${when} (epoch ${epoch}, revision ${revision})`;
}

export function imageText({ module, length, zeros, here, inBase }: ImageSize): string {
  const shared = inBase === 0 ? '' : `, ${count(inBase)} as in the base`;
  return `memory of ${bytesText(length)}, module ${module.slice(0, 12)}: ${plural(here, 'page')} kept${shared}, ${count(zeros)} of zeros`;
}

/** Where sources, durable channels and sinks are: what was read, and what was written, by name. */
export function positionsOf(fragments: readonly FragmentSnapshot[]): ReadonlyMap<string, string> {
  const positions = new Map<string, string>();
  for (const { sources, sinks, outlets, inlets } of fragments) {
    for (const [source, { partitions }] of sources) {
      for (const [partition, { position, rows, ended }] of partitions) {
        const where = position === undefined ? 'the beginning' : JSON.stringify(position);
        const name = ['source', source, partition].filter((part) => part !== '').join(' ');
        positions.set(name, `${where} and ${plural(rows, 'row')}${ended ? ', ended' : ''}`);
      }
    }
    for (const [id, { taken }] of inlets ?? []) positions.set(`durable ${id}, read`, JSON.stringify(taken));
    for (const [id, { sent }] of outlets ?? []) positions.set(`durable ${id}, sent`, JSON.stringify(sent));
    for (const [sink, { prepared, frozen }] of sinks) {
      const held = frozen.reduce((sum, { length }) => sum + length, 0);
      positions.set(`sink ${sink}`, `${JSON.stringify(prepared)}${held === 0 ? '' : `, ${bytesText(held)} held`}`);
    }
  }
  return positions;
}

/** The checkpoint that test/golden/checkpoints holds in each format that ever was: what it was made of. `node test/kit/golden-checkpoint.ts DIRECTORY` writes it anew. */
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import type { Schema } from '../../engine/batch/types.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import type { RegionName } from '../../engine/state/checkpoint/layout.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import type { FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';
import { ManualPorts } from './manual-ports.ts';
import { build } from './tables.ts';

export const goldenRegion: RegionName = { namespace: 'plant', app: 'machine-health', region: 'edge' };

const SCHEMA: Schema = {
  fields: [
    { name: 'key_group', type: { kind: 'int32' }, nullable: false },
    { name: 'window_start', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'machine', type: { kind: 'utf8' }, nullable: true, metadata: new Map([['cloudskin.state', 'machine']]) },
    { name: 'mean.sum', type: { kind: 'float64' }, nullable: true },
  ],
};

/** `id` 1 and 2: the second refers to pages of the first. */
export function goldenSnapshot(id: number): FragmentSnapshot {
  const memory = new Uint8Array(300_000);
  for (let at = 0; at < 60_000; at++) memory[at] = (at * 31 + (at >> 8)) % 256;
  memory.fill(7, 200_000, 200_100);
  if (id === 2) memory.fill(9, 50_000, 50_010);
  const rows = [
    [3, 1_700_000_000_000_000n, 'press-1', 21.5],
    [77, 1_700_000_060_000_000n, null, null],
  ];
  const logical = {
    operator: 'minutes',
    kind: 'aggregate/1',
    schema: SCHEMA,
    batches: [build(SCHEMA, rows)],
    watermark: 1_700_000_050_000_000n,
    counters: { late: 4 },
  };
  const ranges = [
    [0, 100_000],
    [190_000, 250_000],
  ] as const;
  const globals = new Map<string, number | bigint>([
    ['heap', 4096],
    ['seed', -5n],
  ]);
  const image = { module: 'a'.repeat(64), memory, ranges, globals, host: { timers: [1, 2] } };
  const partition = {
    position: { byte: 1234, rows: 9 },
    rows: 2,
    greatest: 1_700_000_059_000n,
    ended: false,
    rejected: 1,
  };
  return {
    fragment: 'edge-plant-7-0',
    sources: new Map([['readings', { partitions: new Map([['a.csv', partition]]) }]]),
    cells: new Map([
      ['valid+minutes', { image, watermark: 1_700_000_050_000_000n }],
      ['score', { logical: [logical], ended: true }],
    ]),
    sinks: new Map([
      ['alerts', { prepared: { file: '.alerts-2', rows: 17 }, frozen: [Buffer.from('{"machine":"press-1"}\n')] }],
    ]),
    counters: new Map([['source readings', { rowsIn: 1000 + id }]]),
    partition: 0,
  };
}

async function write(directory: string): Promise<void> {
  const store = await openDirectory(directory);
  const saver = createSaver({ ...goldenRegion, store, ports: new ManualPorts() });
  const checkpoints = openCheckpoints({ ...goldenRegion, store });
  for (const id of [1, 2]) {
    const receipt = await saver.save(id, goldenSnapshot(id));
    const times = { started: 1_700_000_000_000, completed: 1_700_000_000_250 };
    await checkpoints.complete({ id, epoch: 65_536, revision: 3, ...times }, [receipt]);
  }
  await checkpoints.settled();
}

const [, script, directory] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href && directory !== undefined)
  await write(directory);

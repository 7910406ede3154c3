/** Snapshots of a join, beside whose cell those of its keys and of its select stand, which keep nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Value } from '../../engine/batch/types.ts';
import { openCell } from '../../engine/cell/open.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import type { CellSnapshot } from '../../engine/state/checkpoint/state.ts';
import { checkpointsIn } from '../../engine/state/places.ts';
import { goldenSnapshot } from '../../test/kit/golden-checkpoint.ts';
import { Ledger } from '../../test/kit/ledger.ts';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { build } from '../../test/kit/tables.ts';
import type { Terminal } from '../output/terminal.ts';
import { diffSnapshots } from './diff.ts';
import { inspectSnapshot } from './inspect.ts';
import { restoreSnapshot } from './restore.ts';
import { takeSnapshot } from './take.ts';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: shop }
spec:
  sources:
    l: { ledger: {}, schema: { k: int32, at: "timestamp[us]" }, time: { column: at } }
    r: { ledger: {}, schema: { k: int64, at: "timestamp[us]", x: utf8 }, time: { column: at } }
  operators:
    pairs: { from: { a: l, b: r }, join: { where: a.k = b.k }, window: { tumbling: 5s }, select: { k: a.k, x: b.x } }
  sinks: { out: { from: pairs, ledger: {} } }
`;

const REGION = { namespace: 'default', app: 'shop', region: 'all' };

/** What the cells of the graph have when each side of the join has come this often. */
async function cellsAfter(batches: number): Promise<ReadonlyMap<string, CellSnapshot>> {
  const { connector } = new Ledger({});
  const { cells } = fuse(planOrThrow(await prepareText(GRAPH, 'g.yaml', { connectors: [connector], environment: {} })));
  const states = await Promise.all(cells.map(async (plan) => [plan.name, await stateOf(plan, batches)] as const));
  return new Map(states);
}

async function stateOf(plan: CellPlan, batches: number): Promise<CellSnapshot> {
  const cell = await openCell(plan);
  for (let batch = 0; plan.kind === 'join' && batch < batches; batch += 1) {
    for (const [input, { input: schema }] of (plan.operators[0]?.steps ?? [])
      .flatMap((step) => (step.kind === 'join' ? step.sides : []))
      .entries()) {
      // the same row twice
      const rows = [0, 0, 1].map((row) =>
        schema.fields.map(
          ({ name }): Value =>
            name === 'at' ? 7n : name === 'x' ? 'x' : name === 'k' && input === 0 ? row : BigInt(row),
        ),
      );
      cell.process(input, build(schema, rows), () => undefined);
    }
  }
  const image = cell.state?.image?.();
  if (image === undefined) throw new Error(`${plan.name} has an image`);
  const kept = { ...image, memory: image.memory.slice() };
  cell.close();
  return { image: kept, plan };
}

function listening(): Terminal & { readonly text: string[] } {
  const text: string[] = [];
  const plain = { outColor: false, errColor: false, live: false, width: 200, readerGone: new AbortController().signal };
  return { ...plain, text, err: () => undefined, out: async (line) => void text.push(line) };
}

describe('the snapshot of a join', () => {
  let place: string;
  const at = (name: string): string => join(place, name);

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'cloudskin-join-'));
    for (const id of [1, 2]) {
      const store = await openDirectory(checkpointsIn(at('state')));
      const receipt = await createSaver({ ...REGION, store, ports: new ManualPorts() }).save(id, {
        ...goldenSnapshot(1),
        cells: await cellsAfter(id),
      });
      const checkpoints = openCheckpoints({ ...REGION, store });
      await checkpoints.complete({ id, epoch: 1, revision: 1, started: id, completed: id }, [receipt]);
      await checkpoints.settled();
      await takeSnapshot('pairs', { state: at('state'), out: at(`${id}.snap`) }, listening());
    }
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it('is that of the cell that keeps the rows, by the name of the entry, and shows them', async () => {
    const terminal = listening();
    await inspectSnapshot(at('2.snap'), {}, terminal);
    const [text] = terminal.text;
    expect(text).toContain('cell pairs/join of shop');
    expect(text).toContain('reads k, at, /key-1; and k, at, x');
    expect(text).toContain('state of pairs/join: 12 rows in 2 key groups');
    expect(text).not.toContain('other cells');
  });

  it('differs by rows, of which some are there several times', async () => {
    const terminal = listening();
    await diffSnapshots(at('1.snap'), at('2.snap'), { limit: '1' }, terminal);
    expect(terminal.text[0]).toContain('groups of pairs/join: 6 added, 0 removed, 0 changed');
  });

  it('goes back alone: what stands beside it keeps nothing', async () => {
    const terminal = listening();
    await restoreSnapshot(at('2.snap'), { state: at('elsewhere') }, terminal);
    expect(terminal.text[0]).toContain('the next run of shop goes on from checkpoint 3');
  });

  it('does not go where its second input has other columns', async () => {
    const { openSnapshotFile } = await import('./files.ts');
    const { inputsOf, cellsOf, mustFit } = await import('../../engine/state/snapshot/fit.ts');
    const file = await openSnapshotFile(at('2.snap'), {});
    const [first, second] = cellsOf(file).flatMap(inputsOf);
    if (first === undefined || second === undefined) throw new Error('a join has two inputs');
    expect(() => mustFit(file, { inputs: [first, second] })).not.toThrow();
    const other = { ...second, fields: second.fields.slice(0, -1) };
    expect(() => mustFit(file, { inputs: [first, other] })).toThrow(
      expect.objectContaining({ code: 'snapshot.other-schema' }),
    );
  });
});

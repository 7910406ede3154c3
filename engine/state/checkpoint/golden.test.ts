/** Checkpoints that earlier versions wrote load. Their files are frozen: a format that changes gets a number, a folder, and a test here. */
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/kit/connectors.ts';
import { goldenRegion, goldenSnapshot } from '../../../test/kit/golden-checkpoint.ts';
import { rowsOf } from '../../../test/kit/tables.ts';
import { openDirectory } from '../blobs/directory.ts';
import { openCheckpoints } from './checkpoint-store.ts';
import type { FragmentSnapshot } from './state.ts';

/** Rows in place of batches, whose layout is nobody's business. */
function comparable(snapshot: FragmentSnapshot): unknown {
  const cells = [...snapshot.cells].map(([name, { logical, ...cell }]) => {
    return [name, { ...cell, logical: logical?.map((state) => ({ ...state, batches: state.batches.map(rowsOf) })) }];
  });
  const sinks = [...snapshot.sinks].map(([name, { prepared, frozen }]) => {
    return [name, prepared, frozen.map((bytes) => Buffer.from(bytes).toString())];
  });
  return { ...snapshot, cells, sinks };
}

it.each(['format-1'])('a checkpoint of %s loads', async (format) => {
  const place = await temporaryDirectory();
  await cp(fileURLToPath(new URL(`../../../test/golden/checkpoints/${format}`, import.meta.url)), place.path, {
    recursive: true,
  });
  const checkpoints = openCheckpoints({ ...goldenRegion, store: await openDirectory(place.path) });
  expect((await checkpoints.list()).map(({ id }) => id)).toEqual([2, 1]);
  for (const id of [2, 1]) {
    const { manifest, refused } = await checkpoints.newest(id);
    expect(refused).toEqual([]);
    expect(manifest).toMatchObject({ id, format: 1, epoch: 65_536, revision: 3, completed: 1_700_000_000_250 });
    if (manifest === undefined) return;
    const found = await checkpoints.load(manifest, 'edge-plant-7-0');
    expect(comparable(found)).toEqual(comparable(goldenSnapshot(id)));
  }
  await place.remove();
});

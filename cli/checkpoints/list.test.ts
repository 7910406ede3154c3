import { expect, test } from 'vitest';
import type { CheckpointStore } from '../../engine/state/checkpoint/checkpoint-store.ts';
import type { Manifest } from '../../engine/state/checkpoint/checkpoints.ts';
import type { Terminal } from '../output/terminal.ts';
import { verifyCheckpoints } from './list.ts';
import type { Place } from './place.ts';

const manifest = (id: number): Manifest => ({ id, started: 0, completed: 1, fragments: [] }) as unknown as Manifest;

/** Those that are there at each look, and which of them lack something. */
function placeOf(looks: number[][], lacking: readonly number[]): Place {
  const checkpoints = {
    list: () => Promise.resolve((looks.shift() ?? []).map((id) => ({ id, manifest: manifest(id) }))),
    verify: ({ id }: Manifest) => Promise.resolve(lacking.includes(id) ? 'it is not there' : undefined),
  } as unknown as CheckpointStore;
  return {
    description: 'app shop',
    regions: [{ namespace: 'n', app: 'shop', region: 'main', store: '', checkpoints }],
  };
}

async function verify(place: Place): Promise<{ isSound: boolean; ids: number[] }> {
  const said: string[] = [];
  const out = (part: string): Promise<void> => Promise.resolve(void said.push(part));
  const terminal = { out } as unknown as Terminal;
  const isSound = await verifyCheckpoints(place, undefined, { json: true }, terminal);
  return { isSound, ids: JSON.parse(said.join('')).checkpoints.map(({ id }: { id: number }) => id) };
}

test('a checkpoint that the app forgot while it was verified is not called damaged, one that is still there is', async () => {
  const looks = [
    [3, 2, 1],
    [4, 3, 2],
  ];
  expect(await verify(placeOf([...looks], [1]))).toEqual({ isSound: true, ids: [3, 2] });
  expect(await verify(placeOf([...looks], [1, 2]))).toEqual({ isSound: false, ids: [3, 2] });
});

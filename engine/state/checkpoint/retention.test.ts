import { describe, expect, it } from 'vitest';
import type { Manifest } from './checkpoints.ts';
import { unneeded } from './retention.ts';

const REGION = 'default/shop/main';
const digits = (id: number): string => String(id).padStart(10, '0');

/** Rests on a blob of pages of its own and one of checkpoint 1. */
function manifest(id: number): Manifest {
  const blobs = [id, 1].map((of) => ({ name: `${REGION}/pages/${digits(of)}-a.0`, bytes: 1, digest: '' }));
  return {
    id,
    epoch: 1,
    revision: 1,
    started: 0,
    completed: 0,
    format: 1,
    namespace: 'default',
    app: 'shop',
    region: 'main',
    fragments: [{ fragment: 'a', blobs, paused: 0, took: 0, bytes: 1, detail: null }],
  };
}

describe('retention', () => {
  const all = [1, 2, 3, 4, 5].map((id) => ({ id, manifest: manifest(id) }));
  const names = all.flatMap(({ id }) => [`${REGION}/manifest/${digits(id)}`, `${REGION}/pages/${digits(id)}-a.0`]);

  it('lets go of what is older than the newest few, but for what these rest on', () => {
    expect(unneeded(names, all, manifest(5), 2)).toEqual([
      ...[1, 2, 3].map((id) => `${REGION}/manifest/${digits(id)}`),
      ...[2, 3].map((id) => `${REGION}/pages/${digits(id)}-a.0`),
    ]);
  });

  it('spares what is pinned, with all that it rests on, and the mark itself', () => {
    const pin = `${REGION}/pinned/${digits(2)}`;
    expect(unneeded([...names, pin], all, manifest(5), 2)).toEqual([
      ...[1, 3].map((id) => `${REGION}/manifest/${digits(id)}`),
      `${REGION}/pages/${digits(3)}-a.0`,
    ]);
  });
});

/** What `run --state` keeps of an app, and what is left of it when it begins anew. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FragmentStart } from '../../engine/runtime/fragment-handle.ts';
import { forgetAll, openStores, type StoreOptions } from './run-stores.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudskin-stores-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const optionsOf = (app: string): StoreOptions => {
  return { directory, key: undefined, region: { namespace: 'default', app, region: 'all' }, keep: 3 };
};

/** Records that the journal of an app holds; writes one more. */
async function journaled(app: string): Promise<number> {
  const { storeOf } = await openStores(optionsOf(app));
  // a journal is the same whatever is started
  const log = await storeOf({} as FragmentStart).journal?.('orders', 'orders/#');
  if (log === undefined) throw new Error('a run with state has journals');
  const records = log.next - log.first;
  log.append(new Uint8Array(10));
  await log.close();
  return records;
}

it('a journal goes on with the next run, and is gone where the app begins anew; that of another app is not', async () => {
  for (const app of ['shop', 'farm']) expect([await journaled(app), await journaled(app)]).toEqual([0, 1]);
  await forgetAll(optionsOf('shop'));
  expect([await journaled('shop'), await journaled('farm')]).toEqual([0, 2]);
});

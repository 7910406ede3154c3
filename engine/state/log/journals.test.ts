/** Journals belong to one beginning of an app. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, removeJournals } from './journals.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudskin-journals-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const name = { namespace: 'default', app: 'shop', source: 'orders', partition: 'orders/#' };

async function write(begun: number | undefined, text: string): Promise<void> {
  const log = await openJournal(directory, { ...name, ...(begun === undefined ? {} : { begun }) });
  log.append(new TextEncoder().encode(text));
  await log.close();
}

async function records(begun: number | undefined): Promise<number> {
  const log = await openJournal(directory, { ...name, ...(begun === undefined ? {} : { begun }) });
  const count = log.next - log.first;
  await log.close();
  return count;
}

describe('journals', () => {
  it('go on where they were as long as the app does', async () => {
    for (const begun of [undefined, 7]) {
      await write(begun, 'a');
      await write(begun, 'b');
      expect(await records(begun)).toBe(2);
    }
  });

  it('are empty where the app began anew, and those of before are gone, though nobody removed them', async () => {
    await write(undefined, 'a');
    await write(3, 'b');
    expect(await records(5)).toBe(0);
    const app = join(directory, 'journals', 'default', 'shop');
    expect(['orders', '@3', '@5'].filter((entry) => existsSync(join(app, entry)))).toEqual(['@5']);
  });

  it('are left alone where they are of a later beginning', async () => {
    await write(5, 'a');
    expect(await records(3)).toBe(0);
    expect(await records(5)).toBe(1);
  });

  it('go with their app, and with no other', async () => {
    await write(3, 'a');
    await removeJournals(directory, { namespace: 'default', app: 'shop-2' });
    expect(await records(3)).toBe(1);
    await removeJournals(directory, name);
    expect(await records(3)).toBe(0);
  });
});

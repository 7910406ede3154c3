/** What is told of the logs of a data directory. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/kit/connectors.ts';
import { openJournal } from './journals.ts';
import { logsIn } from './logs-in.ts';
import { segmentName } from './segment.ts';

it('finds the logs of all apps with their sizes and their age, the largest first, and is content with none', async () => {
  const place = await temporaryDirectory();
  expect(await logsIn(join(place.path, 'nowhere'))).toEqual([]);
  const began = Date.now() - 5_000;
  const app = { namespace: 'default', app: 'shop' };
  for (const [partition, begun] of [
    ['a', 0],
    ['b', 0],
    ['a', 7],
  ] as const) {
    const log = await openJournal(place.path, { ...app, source: 'readings', partition, begun });
    log.append(new Uint8Array(1_000));
    await log.close();
  }
  const channel = join(place.path, 'durable', 'test', 'other', 'ch_1');
  await mkdir(channel, { recursive: true });
  for (const [first, bytes] of [
    [1, 5_000],
    [90, 600],
  ] as const)
    await writeFile(join(channel, segmentName(first)), new Uint8Array(bytes));
  await writeFile(join(channel, 'note.txt'), 'not a log');
  const found = await logsIn(place.path);
  expect(found).toMatchObject([
    { kind: 'channel', namespace: 'test', app: 'other', name: 'ch_1', bytes: 5_600 },
    // the one that is begun removes those of before
    { kind: 'journal', ...app, name: 'readings' },
  ]);
  expect(found[1]?.bytes).toBeGreaterThan(1_000);
  expect(found[1]?.bytes).toBeLessThan(2_000);
  for (const { oldest = 0 } of found) expect(oldest).toBeGreaterThan(began);
  await place.remove();
});

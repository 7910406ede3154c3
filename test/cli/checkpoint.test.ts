/** `cloudskin checkpoint`, as a user runs it, on the frozen checkpoints of test/golden and on a cluster's object store. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectNats } from '../../engine/nats/client.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { encryptedStore } from '../../engine/state/blobs/encrypted.ts';
import { objectsStore } from '../../engine/state/blobs/objects.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { goldenRegion, goldenSnapshot } from '../kit/golden-checkpoint.ts';
import { ManualPorts } from '../kit/manual-ports.ts';
import { hasNats, startNats } from '../kit/nats-server.ts';
import { root } from '../tidy/source-files.ts';
import { cloudskin, scratch } from './command.ts';

let place: string;
beforeEach(() => {
  place = scratch();
  cpSync(join(root, 'test/golden/checkpoints/format-1'), place, { recursive: true });
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const REGION = 'plant/machine-health/edge';

describe('cloudskin checkpoint', () => {
  it('lists what a directory has, newest first, as a table and as JSON', async () => {
    const { status, stdout } = await cloudskin(['checkpoint', 'list', place]);
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^APP +REGION +ID +EPOCH +COMPLETED +TOOK +WRITTEN +NEEDS +STATE$/);
    expect(lines[1]).toMatch(/^plant\/machine-health +edge +2 +65536 +2023-11-14T22:13:20.250Z +250 ms .* complete$/);
    const json = await cloudskin(['checkpoint', 'list', place, '--json']);
    const { checkpoints } = JSON.parse(json.stdout);
    expect(checkpoints.map(({ id }: { id: number }) => id)).toEqual([2, 1]);
    expect(checkpoints[0]).toMatchObject({ namespace: 'plant', app: 'machine-health', revision: 3, fragments: 1 });
  });

  it('says so where a directory has none, or none that is complete', async () => {
    rmSync(join(place, REGION, 'manifest'), { recursive: true });
    const incomplete = await cloudskin(['checkpoint', 'list', place]);
    expect([incomplete.status, incomplete.stdout]).toEqual([2, '']);
    expect(incomplete.stderr).toContain('there are no complete checkpoints in ');
    rmSync(join(place, 'plant'), { recursive: true });
    const { status, stderr } = await cloudskin(['checkpoint', 'list', place]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('there are no checkpoints in ')]);
  });

  it('shows positions, cells and sinks of one', async () => {
    const { status, stdout } = await cloudskin(['checkpoint', 'show', place, '1']);
    expect(status).toBe(0);
    expect(stdout).toContain('checkpoint 1 of plant/machine-health, region edge: epoch 65536, revision 3');
    expect(stdout).toContain('source readings a.csv: {"byte":1234,"rows":9} and 2 rows');
    expect(stdout).toContain('cell valid+minutes: image of 293 KiB, module aaaaaaaaaaaa');
    expect(stdout).toContain('cell score: minutes aggregate/1 of 2 rows, ended');
    const json = await cloudskin(['checkpoint', 'show', place, '--json']);
    const [newest] = JSON.parse(json.stdout).checkpoints;
    expect(newest).toMatchObject({ id: 2, fragments: [{ fragment: 'edge-plant-7-0' }] });
  });

  it('verifies every byte, and ends with 2 where one cannot be used', async () => {
    expect((await cloudskin(['checkpoint', 'verify', place])).status).toBe(0);
    const pages = join(place, REGION, 'pages/0000000002-edge-plant-7-0.0');
    const bytes = readFileSync(pages);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(pages, bytes);
    const { status, stdout } = await cloudskin(['checkpoint', 'verify', place]);
    expect(status).toBe(2);
    expect(stdout).toMatch(/ 2 .*0000000002-edge-plant-7-0.0 is damaged: its checksum is wrong\n.* 1 .* sound\n/);
    expect((await cloudskin(['checkpoint', 'verify', place, '1'])).status).toBe(0);
    expect((await cloudskin(['checkpoint', 'verify', place, '2', '--json'])).status).toBe(2);
  });

  it('opens encrypted ones with their key file, and says so without', async () => {
    const sealed = join(place, 'sealed');
    const key = 'c'.repeat(64);
    writeFileSync(join(place, 'key'), `${key}\n`);
    const store = encryptedStore(await openDirectory(sealed), Buffer.from(key, 'hex'));
    const receipt = await createSaver({ ...goldenRegion, store, ports: new ManualPorts() }).save(1, goldenSnapshot(1));
    const head = { id: 1, epoch: 1, revision: 1, started: 0, completed: 0 };
    await openCheckpoints({ ...goldenRegion, store }).complete(head, [receipt]);
    expect((await cloudskin(['checkpoint', 'verify', sealed, '--key-file', join(place, 'key')])).status).toBe(0);
    const without = await cloudskin(['checkpoint', 'verify', sealed]);
    expect([without.status, without.stdout]).toEqual([2, expect.stringContaining('encrypted, and there is no key')]);
    const shown = await cloudskin(['checkpoint', 'show', sealed]);
    expect([shown.status, shown.stderr]).toEqual([
      2,
      expect.stringMatching(/checkpoint 1 .*encrypted.*\n.*--key-file/),
    ]);
    const wrong = await cloudskin(['checkpoint', 'list', sealed, '--key-file', join(place, 'none')]);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('cannot be read')]);
  });

  it('says what is wrong with the place, the number, or both', async () => {
    const none = await cloudskin(['checkpoint', 'list', join(place, 'nowhere')]);
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('there is no directory')]);
    const neither = await cloudskin(['checkpoint', 'list', 'nowhere'], {
      cwd: place,
      env: { CLOUDSKIN_NATS: 'nats://127.0.0.1:1' },
    });
    expect([neither.status, neither.stderr]).toEqual([1, expect.stringContaining('there is no directory nowhere')]);
    const other = await cloudskin(['checkpoint', 'show', place, '9']);
    expect([other.status, other.stderr]).toEqual([2, expect.stringContaining('no checkpoint 9')]);
    const text = await cloudskin(['checkpoint', 'show', place, 'x1']);
    expect([text.status, text.stderr]).toEqual([2, expect.stringContaining('x1 is not the number')]);
    const region = await cloudskin(['checkpoint', 'list', place, '--region', 'cloud']);
    expect([region.status, region.stderr]).toEqual([2, expect.stringContaining('of region cloud')]);
  });

  it.skipIf(!hasNats())('finds those of an app in the object store of a cluster (needs nats-server)', async () => {
    const server = await startNats();
    try {
      const nats = await connectNats({ servers: server.url });
      const bucket = 'cs-state-plant_machine-health';
      const store = objectsStore(await nats.jetstream().objects(bucket), bucket);
      const receipt = await createSaver({ ...goldenRegion, store, ports: new ManualPorts() }).save(
        5,
        goldenSnapshot(1),
      );
      const head = { id: 5, epoch: 1, revision: 1, started: 0, completed: 0 };
      const checkpoints = openCheckpoints({ ...goldenRegion, store });
      await checkpoints.complete(head, [receipt]);
      await checkpoints.settled();
      await nats.close();
      const where = ['machine-health', '--namespace', 'plant', '--nats', server.url];
      const { status, stdout } = await cloudskin(['checkpoint', 'verify', ...where]);
      expect([status, stdout]).toEqual([0, expect.stringMatching(/ 5 .* sound/)]);
      const other = await cloudskin(['checkpoint', 'list', 'shop', '--nats', server.url]);
      expect([other.status, other.stderr]).toEqual([2, expect.stringContaining('no checkpoints of app shop')]);
    } finally {
      await server.stop();
    }
  });
});

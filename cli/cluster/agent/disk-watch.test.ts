/** What is told of an agent's disk: to its status while it runs, and to `doctor` at any time. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openJournal } from '../../../engine/state/log/journals.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { dataDirectories } from '../../doctor/data-directories.ts';
import { DiskWatch } from './disk-watch.ts';

describe("an agent's disk", () => {
  let home: string;
  let data: string;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'disk-watch-'));
    data = join(home, 'agents', 'plant');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'agent.json'), '{}');
    const log = await openJournal(data, { namespace: 'default', app: 'shop', source: 'readings', partition: '' });
    log.append(new Uint8Array(5_000));
    await log.close();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });

  it('is looked at now and then until that is stopped; what cannot be told is said once', async () => {
    const ports = new ManualPorts();
    const said: string[] = [];
    const watch = DiskWatch.start(data, ports, (_level, message) => said.push(message));
    await expect.poll(() => watch.use).toMatchObject({ directory: data, short: false });
    expect(watch.use?.logs).toMatchObject([{ kind: 'journal', app: 'shop', name: 'readings' }]);
    expect(watch.use?.reserve).toBeGreaterThan(0);
    rmSync(data, { recursive: true });
    for (let looks = 0; looks < 3; looks++) {
      await expect.poll(() => ports.pending).toBe(1);
      await ports.advance(2_000);
    }
    await expect.poll(() => watch.use).toBeUndefined();
    expect(said).toEqual([expect.stringContaining('how full the disk is cannot be told')]);
    await watch.stop();
    expect(ports.pending).toBe(0);
  });

  it('is told by doctor, of agents of this user or of the one that is named', async () => {
    vi.stubEnv('CLOUDSKIN_HOME', home);
    const now = Date.now() + 90_000;
    const [found, ...others] = await dataDirectories(undefined, now);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ name: 'Agent data', status: 'ok', disk: { directory: data } });
    expect(found?.detail).toMatch(/ free, .* kept for checkpoints; 1 log, 5\.\d kB, from 9\d s ago on$/);
    expect(await dataDirectories(join(home, 'nowhere'), now)).toMatchObject([{ status: 'missing' }]);
    vi.stubEnv('CLOUDSKIN_HOME', join(home, 'nowhere'));
    expect(await dataDirectories(undefined, now)).toEqual([]);
  });
});

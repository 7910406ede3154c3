/** Whose memory a directory is. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startOf } from '../../place/process-mark.ts';
import { movedText, openDataDirectory } from './data-directory.ts';

describe("an agent's data directory", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'data-directory-'));
    vi.stubEnv('CLOUDSKIN_HOME', home);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });
  const servers = ['nats://127.0.0.1:4222'];

  it('is one of its site, and of its name where it is given one', () => {
    const first = openDataDirectory(undefined, { site: 'plant', name: undefined, servers });
    const second = openDataDirectory(undefined, { site: 'plant', name: 'b', servers });
    expect([first, second]).toMatchObject([
      { path: join(home, 'agents', 'plant'), agent: 'plant-1' },
      { path: join(home, 'agents', 'plant.b'), agent: 'b' },
    ]);
    first.release();
    const renamed = (): unknown => openDataDirectory(first.path, { site: 'plant', name: 'c', servers });
    expect(renamed).toThrow(expect.objectContaining({ code: 'agent.renamed' }));
    // and who is refused has not locked it
    expect(openDataDirectory(first.path, { site: 'plant', name: undefined, servers }).agent).toBe('plant-1');
  });

  it('is refused while another agent runs on it, with the way out', () => {
    const { path } = openDataDirectory(undefined, { site: 'plant', name: undefined, servers });
    writeFileSync(join(path, 'lock.json'), JSON.stringify({ pid: process.ppid, started: startOf(process.ppid) }));
    const again = (): unknown => openDataDirectory(undefined, { site: 'plant', name: undefined, servers });
    expect(again).toThrow(
      expect.objectContaining({
        code: 'agent.in-use',
        message: `an agent of site plant runs here already (process ${process.ppid}), with its memory in ${path}`,
        hint: expect.stringContaining('--name'),
      }),
    );
  });

  it('is named where nothing can be written in it', () => {
    mkdirSync(join(home, 'agents/plant/lock.json'), { recursive: true });
    const open = (): unknown => openDataDirectory(undefined, { site: 'plant', name: undefined, servers });
    expect(open).toThrow(
      expect.objectContaining({ code: 'agent.no-data', message: expect.stringContaining(join(home, 'agents/plant')) }),
    );
  });

  it('says so when it comes to other servers, without their secrets', () => {
    const whose = { site: 'plant', name: undefined };
    const first = openDataDirectory(undefined, { ...whose, servers: ['nats://user:secret@a:4222', 'nats://b:4222'] });
    expect(movedText(first, ['nats://user:secret@a:4222'])).toBeUndefined();
    first.release();
    const same = openDataDirectory(undefined, { ...whose, servers: ['tls://b:4222'] });
    expect(movedText(same, ['tls://b:4222'])).toBeUndefined();
    same.release();
    const other = ['nats://c:4222'];
    const moved = movedText(openDataDirectory(undefined, { ...whose, servers: other }), other);
    expect(moved).toContain('agent plant-1 did with tls://b:4222');
    expect(moved).not.toContain('secret');
  });
});

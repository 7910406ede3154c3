/** `cloudskin up --auth`: the continuum of one machine, with credentials and TLS. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UpState } from '../../cli/cluster/up/home.ts';
import { connectNats } from '../../engine/nats/client.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { runCommand } from './commands.ts';
import { graph } from './graphs.ts';

const has = hasNats('installed');
const ROWS = 2_000;

describe.skipIf(!has)(has ? 'up --auth' : NO_NATS.installed, () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'cs-up-auth-'));
  });
  afterEach(async () => {
    await run('down');
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  });
  const run = (...args: string[]) => runCommand(args, { CLOUDSKIN_HOME: home });

  it('runs a graph across two sites, by commands that are told nothing, and lets nobody else in', async () => {
    expect(await run('up', '--auth', '--port', '0', '--workers', '1')).toMatchObject({ status: 0 });
    const { hub, ca = '' } = JSON.parse(readFileSync(join(home, 'up.json'), 'utf8')) as UpState;
    expect(hub).toMatch(/^tls:/);
    await expect(connectNats({ servers: hub, tls: { ca } })).rejects.toMatchObject({ code: 'nats.permission' });
    await expect(connectNats({ servers: hub })).rejects.toMatchObject({ code: 'nats.connect' });
    const file = join(home, 'graph.yaml');
    writeFileSync(
      file,
      graph('numbers', ROWS).replace('site: plant', 'tier: edge').replace('site: plant', 'tier: edge'),
    );
    expect(await run('deploy', file, '--wait', 'rows')).toMatchObject({ status: 0 });
    expect(await run('undeploy', 'numbers')).toMatchObject({ status: 0 });
    const lines = readFileSync(join(home, 'numbers.ndjson'), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    expect(await run('down')).toMatchObject({ status: 0, stdout: 'stopped 4 processes\n' });
    // Keys stay, whatever the ports are.
    expect(await run('up', '--auth', '--port', '0', '--workers', '1')).toMatchObject({ status: 0 });
    expect(await run('status')).toMatchObject({ status: 0 });
  });
});

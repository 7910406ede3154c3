/** The setup of tests never fails a run, is quick when all is there, and says what is missing. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { NEWEST_NATS, WASMTIME } from './programs/programs.ts';

const script = fileURLToPath(new URL('test-setup.ts', import.meta.url));

it('says how to have what it could not provide, and does not fail', () => {
  const cache = mkdtempSync(join(tmpdir(), 'cs-setup-'));
  try {
    mkdirSync(join(cache, 'cloudskin'));
    // as after attempts that failed: so that this test installs nothing
    for (const what of ['go', 'apt-get', 'python3']) writeFileSync(join(cache, 'cloudskin', `${what}-failed`), '');
    const env = { ...process.env, XDG_CACHE_HOME: cache };
    const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stderr).toContain(`nats-server ${NEWEST_NATS} is missing`);
    expect(stderr).toContain(`wasmtime ${WASMTIME} is missing`);
    expect(stderr).toContain('node tools/test-setup.ts');
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
});

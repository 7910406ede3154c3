/** Credentials that servers take no more: expired, revoked; and a directory that is not written over. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'credentials that are refused' : NO_NATS.installed, () => {
  let secured: Secured;
  afterEach(() => secured.close());
  const make = async (...flags: string[]): Promise<void> => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud'], flags });
  };
  const hub = (): string => `nats://127.0.0.1:${secured.book.hub.port}`;

  it('are named by doctor and by the log of an agent, with the time when they expired', async () => {
    await make('--days', String(4 / 86_400));
    await secured.startServers();
    const agent = secured.agent('hub');
    await secured.until(async () => agent.log.includes('the credentials of agent-hub expired at 20'));
    const { status, stdout } = await secured.run('doctor', '--nats', hub());
    expect(status).toBe(1);
    expect(stdout).toContain('the credentials of admin expired at 20');
  });

  it('are named when they were revoked, and new ones in their place are used at the next connection', async () => {
    await make();
    await secured.startServers();
    const agent = secured.agent('hub');
    await secured.ready(1);
    const old = readFileSync(secured.auth.credentials('agent-hub'), 'utf8');
    expect(await secured.ok('auth', 'revoke', 'agent-hub', '--dir', secured.auth.path, '--renew')).toContain('revoked');
    const renewed = readFileSync(secured.auth.credentials('agent-hub'), 'utf8');
    writeFileSync(secured.auth.credentials('agent-hub'), old);
    await secured.stopServer('hub.conf');
    await secured.startServer('hub.conf');
    await secured.until(async () => agent.log.includes('the credentials of agent-hub were revoked'));
    writeFileSync(secured.auth.credentials('agent-hub'), renewed);
    await secured.ready(1);
  });

  it('are kept by whoever may know them, and nothing is written over', async () => {
    await make();
    for (const name of ['auth.json', 'hub.conf', 'keys/operator.nk', 'creds/admin.creds']) {
      expect(statSync(secured.path(`auth/${name}`)).mode & 0o077).toBe(0);
    }
    expect(readFileSync(secured.path('auth/auth.json'), 'utf8')).not.toMatch(/S[OAU][A-Z2-7]{50}/);
    const again = await secured.run('auth', 'init', '--out', secured.auth.path, '--site', 'hub:cloud');
    expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining('auth.exists') });
    const unknown = await secured.run('auth', 'revoke', 'agent-hup', '--dir', secured.auth.path);
    expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean agent-hub?') });
  });
});

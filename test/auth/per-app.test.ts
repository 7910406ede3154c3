/** Users of one app each: two namespaces on the same servers, whose agents see nothing of each other. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appUser } from '../../cli/auth/issue.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { graph } from './graphs.ts';
import { overhears } from './overhear.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');
const ROWS = 2_000;

describe.skipIf(!has)(has ? 'users of one app each' : NO_NATS.installed, () => {
  let secured: Secured;
  beforeAll(async () => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'], flags: ['--app'] });
    const file = secured.graph('shop.yaml', graph('shop', ROWS));
    await secured.permit(file);
    await secured.permit(file, '-n', 'other');
    await secured.startServers();
    secured.agent('hub');
    secured.agent('plant', '--creds', secured.auth.credentials(appUser('plant', 'default/shop')));
    await secured.ready(2);
  }, 30_000);
  afterAll(() => secured.close());

  it('an agent runs its app with them', async () => {
    await secured.ok('deploy', secured.path('shop.yaml'), '--wait', 'rows');
    await secured.region('shop', ({ phase }) => phase === 'finished');
    expect(new Set(secured.ids('shop')).size).toBe(ROWS);
    expect(secured.logs()).not.toContain('Permissions Violation');
  }, 30_000);

  it('the same app of another namespace is closed to them', async () => {
    const nats = await secured.connect(secured.auth.credentials(appUser('plant', 'other/shop')), 'plant');
    const channel = 'cs.default.shop.ch.twice_FROM_rows_TO_out';
    const { heard, refused } = await overhears(nats, [`${channel}.ack`, `${channel}.data`, 'cs.default.shop.ctl.rows']);
    expect([heard.length, refused.length]).toEqual([0, 3]);
    const hub = nats.jetstream('hub');
    const denied = { code: 'nats.permission' };
    await expect(hub.objects('cs-state-default_shop')).rejects.toMatchObject(denied);
    const control = await hub.keyValue('cs-control');
    await expect(control.watch('assignments.default.shop', { change: () => undefined })).rejects.toMatchObject(denied);
    const claims = readFileSync(secured.auth.credentials(appUser('plant', 'other/shop')), 'utf8').split('.')[1] ?? '';
    expect(Buffer.from(claims, 'base64url').toString()).not.toContain('default.shop');
  });
});

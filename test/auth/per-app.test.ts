/** Users of one app each: two namespaces on the same servers, whose agents see nothing of each other. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appUser } from '../../cli/auth/issue.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { graph } from './graphs.ts';
import { overhears, rowsFlow } from './overhear.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'users of one app each' : NO_NATS.installed, () => {
  let secured: Secured;
  beforeAll(async () => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'], flags: ['--app'] });
    const file = secured.graph('shop.yaml', graph('shop', 1_000_000));
    await secured.permit(file);
    await secured.permit(file, '-n', 'other');
    await secured.startServers();
    secured.agent('hub');
    secured.agent('plant', '--creds', secured.auth.credentials(appUser('plant', 'default/shop')));
    await secured.ready(2);
  });
  afterAll(() => secured.close());

  it('an agent runs its app with them', async () => {
    await secured.ok('deploy', secured.path('shop.yaml'), '--wait', 'rows');
    await rowsFlow(secured, 'shop');
    expect(secured.logs()).not.toContain('Permissions Violation');
  });

  it('the same app of another namespace is closed to them', async () => {
    const nats = await secured.connect(secured.auth.credentials(appUser('plant', 'other/shop')), 'plant');
    const channel = 'cs.default.shop.ch.twice_FROM_rows_TO_out';
    const subjects = [`${channel}.ack`, `${channel}.data`, 'cs.default.shop.ctl.rows'];
    const { heard, refused } = await overhears(secured, nats, subjects, 'shop');
    expect([heard.length, refused.length]).toEqual([0, 3]);
    const hub = nats.jetstream('hub');
    const denied = { code: 'nats.permission' };
    await expect(hub.objects('cs-state-default_shop')).rejects.toMatchObject(denied);
    const control = await hub.keyValue('cs-control');
    await expect(control.watch('assignments.default.shop', { change: () => undefined })).rejects.toMatchObject(denied);
    const claims = readFileSync(secured.auth.credentials(appUser('plant', 'other/shop')), 'utf8').split('.')[1] ?? '';
    expect(Buffer.from(claims, 'base64url').toString()).not.toContain('default.shop');
  });

  it('all rows of the app came out, once each', async () => {
    await secured.ok('undeploy', 'shop');
    const ids = secured.ids('shop');
    expect(ids).toEqual(ids.map((_, index) => index));
    expect(ids.length).toBeGreaterThan(0);
  });
});

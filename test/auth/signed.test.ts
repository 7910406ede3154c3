/** `deploy --sign` and `agent --trust`: agents run what a trusted key signed and nothing else. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf } from '../../cli/auth/identities.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { graph } from './graphs.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'signed plans' : NO_NATS.installed, () => {
  let secured: Secured;
  beforeAll(async () => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'], flags: ['--any-app'] });
    await secured.startServers();
    const key = keyOf(readFileSync(secured.path('auth/keys/deployer.nk'), 'utf8')).getPublicKey();
    for (const site of ['hub', 'plant']) secured.agent(site, '--trust', key);
    await secured.ready(2);
  });
  afterAll(() => secured.close());

  it('a graph that nobody, or somebody else, signed does not run, and status says so', async () => {
    const file = secured.graph('unsigned.yaml', graph('unsigned', 100_000));
    for (const sign of [[], ['--sign', secured.path('auth/keys/agent-plant.nk')]]) {
      const { status, stderr } = await secured.run('deploy', file, '--timeout', '4s', ...sign);
      expect(status).toBe(1);
      expect(stderr).toContain('no trusted key signed the plan of default/unsigned');
    }
    await secured.ok('undeploy', 'unsigned');
  });

  it('one that the trusted key signed runs, also after an agent was killed', async () => {
    const file = secured.graph('signed.yaml', graph('signed', 3_000));
    await secured.ok('deploy', file, '--wait', 'rows', '--sign', secured.path('auth/keys/deployer.nk'));
    const [, plant] = secured.agents;
    await plant?.end('SIGKILL');
    plant?.start();
    await secured.region('signed', ({ phase }) => phase === 'finished');
    const [first = 0, ...rest] = secured.ids('signed');
    expect([first, ...rest]).toEqual(Array.from({ length: 3_000 }, (_, index) => index + first));
  });
});

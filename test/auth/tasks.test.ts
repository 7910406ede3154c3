/** Tasks under credentials: served where they permit it, called by whoever may and by nobody else. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callerUser } from '../../cli/auth/issue.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { callTask } from '../../engine/task/remote.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');
const GRAPH = {
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'scoring' },
  spec: {
    sources: { in: { code: {}, schema: { x: 'int64' } } },
    operators: { double: { from: 'in', select: { y: 'x * 2' } } },
  },
};

describe.skipIf(!has)(has ? 'tasks that credentials permit' : NO_NATS.installed, () => {
  let secured: Secured;
  let graph: string;
  beforeAll(async () => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'] });
    graph = secured.path('scoring.json');
    writeFileSync(graph, JSON.stringify(GRAPH));
    const said = await secured.ok('auth', 'task', 'scoring', '--dir', secured.auth.path, '--site', 'plant');
    expect(said).toContain('default/scoring may be served at plant');
    await secured.startServers();
    for (const site of ['hub', 'plant']) secured.agent(site);
    await secured.ready(2);
  });
  afterAll(() => secured.close());

  const call = async (nats: Nats, name: string): Promise<unknown> => {
    const data = new TextEncoder().encode('[{"x":21}]');
    const request = { namespace: 'default', name, data, form: 'json', deadline: 2_000 } as const;
    return JSON.parse(new TextDecoder().decode((await callTask(nats, request)).data));
  };

  it('are served by those who may, and answer their callers wherever these are', async () => {
    expect(await secured.ok('task', 'deploy', graph, '--site', 'plant')).toContain('by plant/plant-1: revision 1');
    const caller = secured.auth.credentials(callerUser('default/scoring'));
    const [far, near] = [await secured.connect(caller), await secured.connect(caller, 'plant')];
    for (const nats of [far, near]) expect(await call(nats, 'scoring')).toEqual([{ y: 42 }]);
    await expect(far.jetstream().keyValue('cs-control')).rejects.toMatchObject({
      code: expect.stringMatching(/^nats\./),
    });
    await expect(call(far, 'another')).rejects.toMatchObject({ code: expect.stringMatching(/^(nats|task)\./) });
  });

  it('are refused where nobody permitted them, with what to do', async () => {
    const refused = await secured.run('task', 'deploy', graph, '--name', 'other', '--site', 'hub', '--timeout', '4s');
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('nats.permission') });
    const unheard = await secured.run('task', 'deploy', graph, '--name', 'other', '--site', 'plant', '--timeout', '1s');
    expect(unheard).toMatchObject({ status: 1, stderr: expect.stringContaining('cloudskin auth task other') });
    const unknown = await secured.run('auth', 'task', 'other', '--dir', secured.auth.path, '--site', 'plan');
    expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean') });
  });
});

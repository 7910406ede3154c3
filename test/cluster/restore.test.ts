/** `restore` on real processes: nothing stops before the checkpoint is known to be there and sound, and it stays there meanwhile. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stateBucket } from '../../engine/cluster/documents/names.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { connectNats } from '../../engine/nats/client.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const has = hasNats('installed');
const APP = { namespace: 'default', app: 'numbers' };

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 1000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  sinks:
    out: { from: rows, file: { path: out.ndjson } }
  checkpoint: { every: 100ms, keep: 30 }
`;

describe.skipIf(!has)(has ? 'restore' : `restore: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let hub: AgentProcess;
  beforeEach(async () => {
    continuum = await Continuum.start();
    hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    await continuum.ready(1);
    await continuum.ok('deploy', continuum.graph('graph.yaml', GRAPH));
    await region(({ checkpoint }) => checkpoint > 5);
  });
  afterEach(() => continuum.close());

  function region(wanted: (region: RegionFigures) => boolean): Promise<RegionFigures> {
    return continuum.whenRegion('numbers', wanted);
  }

  async function checkpoints(): Promise<readonly number[]> {
    const text = await continuum.ok('checkpoint', 'list', 'numbers', '--json');
    const { checkpoints: all } = JSON.parse(text) as { readonly checkpoints: readonly { readonly id: number }[] };
    return all.map(({ id }) => id).sort((a, b) => a - b);
  }

  it('goes back to the checkpoint that it is told, and leaves no mark', async () => {
    const before = await region(() => true);
    const last = (await checkpoints()).at(-1) ?? 0;
    await continuum.ok('restore', 'numbers', '--checkpoint', String(last));
    await region(({ phase, deployed }) => phase === 'running' && deployed > before.deployed);
    expect(hub.log).toContain(`region starts from checkpoint ${last}`);
    // of which number it is nobody has to know
    const [, newest] = /runs from checkpoint (\d+)/.exec(await continuum.ok('restore', 'numbers')) ?? [];
    expect(Number(newest)).toBeGreaterThanOrEqual(last);
    await continuum.until(() => hub.log.includes(`region starts from checkpoint ${newest}`));
    const nats = await connectNats({ servers: continuum.hub.url });
    const names = await (await nats.jetstream().objects(stateBucket(APP))).list();
    await nats.close();
    expect(names.filter((name) => name.includes('pinned'))).toEqual([]);
  });

  it('leaves an app as it is where there is no such checkpoint, or it is damaged', async () => {
    const { epoch } = await region(() => true);
    const missing = await continuum.run('restore', 'numbers', '--checkpoint', '99999');
    expect(missing).toMatchObject({ status: 2, stderr: expect.stringContaining('has no checkpoint 99999') });
    await continuum.ok('pause', 'numbers');
    const nats = await connectNats({ servers: continuum.hub.url });
    const objects = await nats.jetstream().objects(stateBucket(APP));
    const last = (await checkpoints()).at(-1) ?? 0;
    const [state = ''] = (await objects.list()).filter((name) =>
      name.includes(`state/${String(last).padStart(10, '0')}`),
    );
    await objects.put(state, new TextEncoder().encode('no state'));
    await nats.close();
    const damaged = await continuum.run('restore', 'numbers', '--checkpoint', String(last));
    expect(damaged).toMatchObject({ status: 1, stderr: expect.stringContaining(`checkpoint ${last} of region main`) });
    await continuum.ok('resume', 'numbers');
    expect(await region(({ phase }) => phase === 'running')).toMatchObject({ epoch, restarts: 0 });
  });
});

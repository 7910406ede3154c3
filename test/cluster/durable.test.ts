/** A durable stream between two sites on real processes: nothing of it is lost or comes twice, whatever is killed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Severed } from './severed.ts';

const has = hasNats('installed');

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 2500, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 }, durable: true }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;

// one app goes through all of it: most of the time would be its start and its end
describe.skipIf(!has)(has ? 'a durable stream' : `a durable stream: ${NO_NATS.installed}`, () => {
  let stage: Severed;
  beforeAll(async () => {
    stage = await Severed.open();
    await stage.deploy(GRAPH);
    await stage.running('after_twice');
  });
  afterAll(() => stage?.close());

  it('goes on, whatever is killed', async () => {
    const { continuum, hub, edge } = stage;
    const steps: readonly (() => Promise<unknown>)[] = [
      () => hub.kill().then(() => hub.start()),
      () => edge.kill().then(() => edge.start()),
      () => continuum.leaf.kill().then(() => continuum.leaf.restart()),
      () => continuum.hub.kill().then(() => continuum.hub.restart()),
    ];
    for (const step of steps) {
      await step();
      await stage.goesOn(500);
      await stage.running('after_twice');
    }
  });

  it('goes on where the server beside it, then every server, comes back with an older disk', async () => {
    const { leaf, hub } = stage.continuum;
    for (const servers of [[leaf], [leaf, hub]]) {
      const backups = await Promise.all(servers.map((server) => server.backup()));
      await stage.goesOn(2_500);
      await stage.goesOn(100, 'hub');
      await Promise.all(servers.map((server, index) => server.restore(backups[index] ?? '')));
      await stage.goesOn(500);
      await stage.running('after_twice');
    }
  });

  it('is not taken back, which would part its two sides', async () => {
    const refused = await stage.continuum.run('restore', 'numbers', '--checkpoint', '1');
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('state.several-regions') });
  });

  it('goes on at the edge while the link is cut, restarts of the edge included', async () => {
    const { continuum, edge } = stage;
    continuum.link.cut();
    await stage.goesOn(2_000);
    const waiting = await continuum.until(async () => (await stage.at('plant'))?.fragment.waiting.at(0));
    expect(waiting.channel).toBe('twice_FROM_rows_TO_out');
    await edge.kill();
    edge.start();
    await stage.goesOn(2_000);
    continuum.link.heal();
    await stage.running('after_twice');
    expect(await continuum.ok('status', 'numbers')).toMatch(/twice .* durable/);
  });

  it('has lost nothing and repeated nothing of all that', async () => {
    const { rowsIn } = (await stage.continuum.until(() => stage.at('plant'))).fragment;
    expect(rowsIn).toBeGreaterThan(10_000);
    await stage.continuum.ok('undeploy', 'numbers');
    const ids = stage.ids();
    expect(ids).toEqual(ids.map((_, index) => index));
    expect(ids.length).toBeGreaterThan(rowsIn);
  });
});

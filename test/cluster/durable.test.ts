/** A durable stream between two sites on real processes: nothing of it is lost or comes twice, whatever is killed. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Severed } from './severed.ts';

const has = hasNats('installed');

function graph(rows: number): string {
  return `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 2500, rows: ${rows}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 }, durable: true }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;
}

describe.skipIf(!has)(has ? 'a durable stream' : `a durable stream: ${NO_NATS.installed}`, { timeout: 90_000 }, () => {
  let stage: Severed;
  beforeEach(async () => {
    stage = await Severed.open();
  });
  afterEach(() => stage?.close());

  async function start(rows: number): Promise<void> {
    await stage.deploy(graph(rows));
    await stage.running('after_twice');
  }

  async function mustBeWhole(rows: number): Promise<void> {
    await stage.finished('after_twice', 'main');
    expect(stage.ids()).toEqual(Array.from({ length: rows }, (_, index) => index));
  }

  it('loses nothing and repeats nothing, whatever is killed', async () => {
    const { continuum, hub, edge } = stage;
    await start(24_000);
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
    await mustBeWhole(24_000);
  });

  for (const [name, ...which] of [
    ['the server beside it', 'leaf'],
    ['the server of the cloud', 'hub'],
    ['every server', 'leaf', 'hub'],
  ] as const) {
    it(`loses nothing and repeats nothing where ${name} comes back with an older disk`, async () => {
      await start(25_000);
      const servers = which.map((one) => stage.continuum[one]);
      const backups = await Promise.all(servers.map((server) => server.backup()));
      await stage.goesOn(4_000);
      await stage.goesOn(100, 'hub');
      await Promise.all(servers.map((server, index) => server.restore(backups[index] ?? '')));
      await stage.goesOn(500);
      await stage.running('after_twice');
      await mustBeWhole(25_000);
    });
  }

  it('goes on at the edge while the link is cut, restarts of the edge included, and drains in order', async () => {
    const { continuum, edge } = stage;
    await start(40_000);
    continuum.link.cut();
    await stage.goesOn(2_000);
    const waiting = await continuum.until(async () => (await stage.at('plant'))?.fragment.waiting.at(0));
    expect(waiting.channel).toBe('twice_FROM_rows_TO_out');
    await edge.kill();
    edge.start();
    await stage.goesOn(2_000);
    continuum.link.heal();
    await mustBeWhole(40_000);
    expect(await continuum.ok('status', 'numbers')).toMatch(/twice .* durable/);
  });
});

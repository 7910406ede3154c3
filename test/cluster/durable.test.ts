/** A durable stream between two sites on real processes: nothing of it is lost or comes twice, whatever is killed. */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { AgentStatus, FragmentFigures } from '../../engine/cluster/status.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type AgentProcess, Continuum } from './continuum.ts';

const has = hasNats('installed');

/** `durable`: as the graph says it. */
function graph(rows: number, durable: string): string {
  return `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 2500, rows: ${rows}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 }, durable: ${durable} }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;
}

describe.skipIf(!has)(has ? 'a durable stream' : `a durable stream: ${NO_NATS.installed}`, { timeout: 90_000 }, () => {
  let continuum: Continuum;
  let hub: AgentProcess;
  let edge: AgentProcess;
  /** Beside the leaf: hears the edge while the link is cut. */
  let near: Nats;
  beforeEach(async () => {
    continuum = await Continuum.start();
    hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge' });
    near = await connectNats({ servers: continuum.leaf.url });
    await continuum.ready(2);
  });
  afterEach(async () => {
    await near.close(200);
    await continuum.close();
  });

  async function deploy(rows: number, durable = 'true'): Promise<void> {
    await continuum.ok('deploy', continuum.graph('graph.yaml', graph(rows, durable)), '--wait', 'rows');
  }

  async function atEdge(): Promise<{ readonly status: AgentStatus; readonly fragment: FragmentFigures } | undefined> {
    const agents = await new ClusterClient(near, realPorts, 'hub').ask(250, (all) =>
      all.some(({ site }) => site === 'plant'),
    );
    const status = agents.find(({ site }) => site === 'plant');
    const fragment = status?.fragments.find(({ app }) => app === 'numbers');
    return status === undefined || fragment === undefined ? undefined : { status, fragment };
  }

  /** Resolves when the edge has taken in so many rows and completed a checkpoint more. */
  async function edgeGoesOn(rows: number): Promise<FragmentFigures> {
    const before = await continuum.until(atEdge);
    const checkpointOf = ({ regions }: AgentStatus): number =>
      regions.find(({ app }) => app === 'numbers')?.checkpoint ?? 0;
    const after = await continuum.until(async () => {
      const now = await atEdge();
      if (now === undefined || now.fragment.rowsIn < before.fragment.rowsIn + rows) return undefined;
      return checkpointOf(now.status) > checkpointOf(before.status) ? now : undefined;
    });
    return after.fragment;
  }

  const finished = (region: string): Promise<unknown> =>
    continuum.until(
      async () => ((await continuum.region('numbers', region))?.phase === 'finished' ? true : undefined),
      40_000,
    );

  const running = (region: string): Promise<unknown> =>
    continuum.until(async () => {
      const found = await continuum.region('numbers', region);
      return found?.phase === 'running' && found.checkpoint > 1 ? true : undefined;
    });

  function output(): readonly number[] {
    const files = readdirSync(continuum.directory).filter((name) => name.startsWith('out'));
    const lines = files.sort().flatMap((name) => continuum.read(name).trimEnd().split('\n'));
    return lines.map((line) => (JSON.parse(line) as { readonly id: number }).id);
  }

  async function mustBeWhole(rows: number): Promise<void> {
    await finished('after_twice');
    await finished('main');
    const numbers = output();
    expect(numbers).toEqual(Array.from({ length: rows }, (_, index) => index + (numbers[0] ?? 0)));
  }

  it('loses nothing and repeats nothing, whatever is killed, and where the server beside it comes back with an older disk', async () => {
    await deploy(36_000);
    await running('after_twice');
    const steps: readonly (() => Promise<unknown>)[] = [
      () => hub.kill().then(() => hub.start()),
      () => edge.kill().then(() => edge.start()),
      () => continuum.leaf.kill().then(() => continuum.leaf.restart()),
      async () => {
        const backup = await continuum.leaf.backup();
        await edgeGoesOn(1_500);
        await continuum.leaf.restore(backup);
      },
    ];
    for (const step of steps) {
      await step();
      await edgeGoesOn(500);
      await running('after_twice');
    }
    await mustBeWhole(36_000);
  });

  it('goes on at the edge while the link is cut, restarts of the edge included, and drains in order', async () => {
    await deploy(40_000);
    await running('after_twice');
    continuum.link.cut();
    await edgeGoesOn(2_000);
    const waiting = await continuum.until(async () => (await atEdge())?.fragment.waiting.at(0));
    expect(waiting.channel).toBe('twice_FROM_rows_TO_out');
    await edge.kill();
    edge.start();
    await edgeGoesOn(2_000);
    continuum.link.heal();
    await mustBeWhole(40_000);
    expect(await continuum.ok('status', 'numbers')).toMatch(/twice .* durable/);
  });
});

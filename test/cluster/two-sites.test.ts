/** A graph across two sites on real processes: every row comes out once, in order, whatever is killed. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const ROWS = 36_000;
const has = hasNats('installed');

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 2500, rows: ${ROWS}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;

describe.skipIf(!has)(has ? 'a graph across two sites' : `a graph across two sites: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let hub: AgentProcess;
  let edge: AgentProcess;
  beforeEach(async () => {
    continuum = await Continuum.start();
    hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    await continuum.ok('deploy', continuum.graph('graph.yaml', GRAPH), '--wait', 'rows');
    await until(({ checkpoint }) => checkpoint > 1);
  });
  afterEach(() => continuum.close());

  function until(wanted: (region: RegionFigures) => boolean): Promise<RegionFigures> {
    return continuum.until(async () => {
      const region = await continuum.region('numbers');
      return region !== undefined && wanted(region) ? region : undefined;
    });
  }

  async function mustBeWhole(): Promise<void> {
    await until(({ phase }) => phase === 'finished');
    const files = readdirSync(continuum.directory).filter((name) => name.startsWith('out'));
    const lines = files.sort().flatMap((name) => continuum.read(name).trimEnd().split('\n'));
    const numbers = lines.map((line) => (JSON.parse(line) as { readonly id: number }).id);
    expect(numbers).toEqual(Array.from({ length: ROWS }, (_, index) => index + (numbers[0] ?? 0)));
  }

  it('comes out whole, whatever is killed or frozen on the way', async () => {
    const steps: readonly (() => Promise<void>)[] = [
      // The agent with the sink, which does not lead; the one with the source, which does.
      () => hub.end('SIGKILL').then(() => hub.start()),
      () => edge.end('SIGKILL').then(() => edge.start()),
      () => continuum.hub.kill().then(() => continuum.hub.restart()),
      async () => {
        hub.freeze();
        await sleep(2_000);
        hub.thaw();
      },
    ];
    for (const step of steps) {
      const before = await until(({ phase }) => phase === 'running' || phase === 'finished');
      expect(before.phase).toBe('running');
      await step();
      await until(({ phase, checkpoint }) => phase === 'running' && checkpoint > before.checkpoint);
    }
    await mustBeWhole();
  });
});

/** A graph across two sites on real processes: every row comes out once, in order, whichever side is killed. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegionFigures } from '../../engine/cluster/status.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type AgentProcess, Continuum } from './continuum.ts';

const ROWS = 9_000;
const has = hasNats('installed');

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 3000, rows: ${ROWS}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
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

  it('goes on after the agent with the sink, which does not lead, is killed and started again', async () => {
    await hub.end('SIGKILL');
    await sleep(300);
    hub.start();
    await mustBeWhole();
  });

  it('goes on after the agent with the source, which leads, is killed and started again', async () => {
    await edge.end('SIGKILL');
    await sleep(300);
    edge.start();
    await mustBeWhole();
  });

  it('goes on after the central NATS server is killed and started again', async () => {
    await continuum.hub.kill();
    await sleep(500);
    await continuum.hub.restart();
    await mustBeWhole();
  });

  it('goes on after an agent is frozen for a while', async () => {
    hub.freeze();
    await sleep(3_000);
    hub.thaw();
    await mustBeWhole();
  });
});

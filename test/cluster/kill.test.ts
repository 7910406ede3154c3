/** Real processes, killed and frozen while rows flow: every row comes out, once, in order. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Continuum } from './processes.ts';

const ROWS = 12_000;
const RATE = 3_000;
const has = hasNats('installed');

/** On the edge: numbers in a row, into a file. */
const graph = (site: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: ${RATE}, rows: ${ROWS}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { site: ${site} }, twice: { site: ${site} }, out: { site: ${site} } }
  checkpoint: { every: 200ms }
`;

describe.skipIf(!has)(has ? 'a continuum of processes' : `a continuum of processes: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  beforeEach(async () => {
    continuum = await Continuum.start();
  });
  afterEach(() => continuum.close());

  function until(wanted: (region: RegionFigures) => boolean): Promise<RegionFigures> {
    return continuum.until(async () => {
      const region = await continuum.region('numbers');
      return region !== undefined && wanted(region) ? region : undefined;
    });
  }

  async function deploy(): Promise<void> {
    await continuum.ok('deploy', continuum.graph('graph.yaml', graph('plant')), '--wait', 'rows');
  }

  async function mustBeWhole(): Promise<void> {
    await until(({ phase }) => phase === 'finished');
    const files = readdirSync(continuum.directory).filter((name) => name.startsWith('out'));
    const lines = files.sort().flatMap((name) => continuum.read(name).trimEnd().split('\n'));
    const numbers = lines.map((line) => (JSON.parse(line) as { readonly id: number }).id);
    expect(numbers).toEqual(Array.from({ length: ROWS }, (_, index) => index + (numbers[0] ?? 0)));
  }

  it('goes on after its agent is killed and started again, and with an empty disk from the object store', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    const edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    await deploy();
    const { epoch, checkpoint } = await until((now) => now.checkpoint > 1);
    await edge.end('SIGKILL');
    edge.start();
    const again = await until((now) => now.epoch > epoch && now.checkpoint > checkpoint);
    expect(again.epoch).toBe(epoch + 1);
    await edge.end('SIGKILL');
    rmSync(join(continuum.directory, 'agent-plant-1'), { recursive: true });
    edge.start();
    const anew = await until((now) => now.epoch > again.epoch && now.phase === 'running');
    expect(anew.epoch).toBe(again.epoch + 1);
    expect(anew.checkpoint).toBeGreaterThanOrEqual(again.checkpoint);
    await mustBeWhole();
  });

  it('does not notice that the coordinator is killed', async () => {
    const hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    await deploy();
    const { epoch } = await until(({ phase }) => phase === 'running');
    await hub.end('SIGKILL');
    await sleep(1_000);
    hub.start();
    await until((now) => now.epoch === epoch && now.phase === 'running');
    expect(await continuum.ok('checkpoint', 'take', 'numbers')).toMatch(/^numbers has checkpoint \d+\n$/);
    await mustBeWhole();
    expect(await continuum.region('numbers')).toMatchObject({ restarts: 0 });
  });

  it('moves to another agent of the site while its own is frozen, and nothing comes twice when that goes on', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    const first = continuum.agent({ site: 'plant', tier: 'edge', name: 'a' });
    const second = continuum.agent({ site: 'plant', tier: 'edge', name: 'b' });
    await continuum.ready(3);
    await deploy();
    const { epoch } = await until(({ checkpoint }) => checkpoint > 1);
    const owner = first.log.includes('"region starts') ? first : second;
    owner.freeze();
    await until((now) => now.epoch > epoch && now.phase === 'running');
    await sleep(1_000);
    owner.thaw();
    await mustBeWhole();
  });

  it('sits out its NATS server being killed; ends within five seconds when asked to, and goes on when started again', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    const edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    await deploy();
    await continuum.leaf.kill();
    await continuum.leaf.restart();
    await until(({ checkpoint }) => checkpoint > 1);
    const began = performance.now();
    expect(await edge.end('SIGTERM')).toBe(0);
    expect(performance.now() - began).toBeLessThan(5_000);
    edge.start();
    await mustBeWhole();
  });

  it('starts again what a site runs by itself, though the cloud is out of reach', async () => {
    const hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    const edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    await deploy();
    await until(({ checkpoint }) => checkpoint > 1);
    await hub.end('SIGKILL');
    await continuum.hub.kill();
    await edge.end('SIGKILL');
    edge.start();
    await continuum.until(async () => (edge.log.includes('region finished') ? true : undefined));
    await continuum.hub.restart();
    hub.start();
    await mustBeWhole();
  });
});

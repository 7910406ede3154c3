/** Agents beside a cluster of three NATS servers, which loses the one that leads it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { durableStream } from '../../engine/transport/durable/transport.ts';
import { cloudskin } from '../cli/command.ts';
import { type NatsCluster, startNatsCluster } from '../kit/nats-cluster.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { AgentProcess } from './processes.ts';

const ROWS = 12_000;
const graph = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 3000, rows: ${ROWS}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 }, durable: true }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { site: plant }, twice: { site: plant }, out: { site: hub } }
  checkpoint: { every: 200ms }
`;

// 2.9 needs up to 20 s until it no longer gives consumers to the server that died
const has = hasNats('newest');

describe.skipIf(!has)(has ? 'a cluster of three servers' : `a cluster of three servers: ${NO_NATS.newest}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'cs-three-'));
  let servers: NatsCluster;
  let nats: Nats;
  let client: ClusterClient;
  let agents: readonly AgentProcess[] = [];

  beforeEach(async () => {
    servers = await startNatsCluster('newest');
    nats = await connectNats({ servers: servers.urls });
    client = new ClusterClient(nats, realPorts);
    agents = (['hub cloud', 'plant edge'] as const).map((what) => {
      const [site = '', tier = ''] = what.split(' ');
      const data = join(directory, site);
      const urls = servers.urls.join(',');
      const agent = new AgentProcess([
        '--site',
        site,
        '--tier',
        tier,
        '--nats',
        urls,
        '--data',
        data,
        '--workers',
        '1',
      ]);
      agent.start();
      return agent;
    });
  }, 30_000);

  afterEach(async () => {
    await Promise.all(agents.map((agent) => agent.kill()));
    await nats.close(200);
    await servers.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });

  async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
    const end = performance.now() + 20_000;
    for (;;) {
      const found = await look().catch(() => undefined);
      if (found !== undefined) return found;
      if (performance.now() > end) throw new Error(`not within 20 s\n${agents.map(({ log }) => log).join('\n')}`);
      await sleep(50);
    }
  }

  /** Resolves to both regions, once they are as wanted. */
  const untilRegions = (wanted: (region: RegionFigures) => boolean): Promise<readonly RegionFigures[]> =>
    until(async () => {
      const agents = await client.ask(400, (all) => all.length === 2);
      const regions = agents.flatMap((agent) => agent.regions);
      return regions.length === 2 && regions.every(wanted) ? regions : undefined;
    });

  it('keeps three copies of all that an app needs, and the app goes on when the leader of them is killed', async () => {
    await until(async () => ((await client.ask(300)).some(({ coordinator }) => coordinator) ? true : undefined));
    writeFileSync(join(directory, 'graph.yaml'), graph);
    const deployed = await cloudskin(['deploy', join(directory, 'graph.yaml'), '--nats', servers.urls.join(',')]);
    expect(deployed.stderr + deployed.stdout).toContain('numbers runs');
    await untilRegions(({ checkpoint }) => checkpoint > 0);
    const channel = { namespace: 'default', app: 'numbers', channel: 'twice_FROM_rows_TO_out' };
    const buckets = ['KV_cs-control', 'KV_cs-regions', 'OBJ_cs-artifacts', 'OBJ_cs-state-default_numbers'];
    const made = [...buckets, durableStream(channel)];
    const copies = await Promise.all(made.map((name) => nats.jetstream().streamState(name)));
    expect(copies.map((state) => state?.config.replicas)).toEqual([3, 3, 3, 3, 3]);
    const leader = servers.servers.find(({ log }) => log.includes('Self is new JetStream cluster metadata leader'));
    expect(leader).toBeDefined();
    await untilRegions(({ phase }) => phase === 'running');
    await leader?.kill();
    await untilRegions(({ phase }) => phase === 'finished');
    const file = join(directory, 'out.ndjson');
    expect(existsSync(file)).toBe(true);
    const ids = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(ids.map((line) => (JSON.parse(line) as { readonly id: number }).id)).toEqual(
      Array.from({ length: ROWS }, (_, index) => index),
    );
  }, 40_000);
});

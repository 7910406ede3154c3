/** The endpoint that Prometheus scrapes: what it says of an agent, where it listens, and how it refuses. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { agentSamples, type Observed } from '../../cli/observe/agent-samples.ts';
import { parseAddress, serveMetrics } from '../../cli/observe/metrics-server.ts';
import { poolSamples, type WorkerPools } from '../../cli/observe/pool-samples.ts';
import { type Sample, samplesOf } from '../../engine/metrics/samples.ts';
import type { NodeMetrics } from '../../engine/metrics/snapshot.ts';
import { METRICS } from '../../engine/metrics/table.ts';

const node: NodeMetrics = {
  name: 'a+b',
  kind: 'cell',
  rowsIn: 100,
  rowsOut: 50,
  batchesIn: 2,
  batchesOut: 1,
  bytesIn: 800,
  bytesOut: 400,
  late: 3,
  errors: 1,
  skipped: 0,
  diverted: 0,
  dropped: 0,
  rowsPerSecond: 9,
  watermark: 5_000,
  lag: 1_500,
  memory: 65_536,
  queued: 0,
  idle: false,
  ended: false,
  evicted: 0,
  busyTime: 1_250,
  blockedTime: 500,
  idleTime: 3_000,
  operators: [{ operator: 'b', keys: 7, bytes: 512 }],
  retries: 0,
  troubled: false,
};

const channel = {
  connected: true,
  items: 4,
  bytes: 900,
  rows: 100,
  repeated: 2,
  dropped: 1,
  queued: 64,
  roundTrip: 12,
};

/** An agent with one fragment of one node, which sends on one channel. */
function observed(): Observed {
  const status = { metrics: { nodes: [node] }, channels: new Map([['ch-1', channel]]) };
  const fragment = {
    epoch: 65_537,
    phase: 'running',
    handle: { status: () => status },
    wish: { namespace: 'default', app: 'shop', region: 'main', fragment: 'f0' },
    plan: { revision: 4, host: { worker: 1 }, outlets: [{ channels: [{ id: 'ch-1' }] }] },
  };
  const log = { kind: 'channel', namespace: 'default', app: 'shop', name: 'ch-1', bytes: 2_000, maxBytes: 9_000 };
  const logs = [{ ...log, oldest: 1_700_000_000_000 }];
  const disk = { directory: 'd', free: 5_000, size: 90_000, reserve: 11_000, short: true, logs };
  const region = {
    namespace: 'default',
    app: 'shop',
    region: 'main',
    deployed: 1,
    revision: 4,
    epoch: 65_537,
    phase: 'running',
    restarts: 2,
    checkpoint: 9,
    completed: 1_700_000_000_500,
    took: 250,
    bytes: 4_096,
  };
  const task = { namespace: 'default', task: 'scoring', calls: 7, shed: 2, queued: 1, queuedBytes: 90 };
  return {
    status: () => ({
      site: 'plant',
      agent: 'x',
      workers: 2,
      coordinator: false,
      regions: [region],
      disk,
      tasks: [task],
    }),
    fragments: () => [fragment],
  } as unknown as Observed;
}

async function scrape(samples: () => readonly Sample[], path = ''): Promise<Response & { readonly body: unknown }> {
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, samples);
  try {
    const response = await fetch(`${server.url}${path}`);
    const text = await response.text();
    return Object.assign(new Response(text, { status: response.status, headers: response.headers }));
  } finally {
    await server.close();
  }
}

describe('an agent, scraped', () => {
  it('tells nodes, operators, channels, fragments, regions and itself, in seconds and bytes', async () => {
    const pools = new Map([['default/scoring 0', [{ pool: 'starts', held: 3, bytes: 70_000, maxBytes: 90_000 }]]]);
    const response = await scrape(() => [
      ...agentSamples(observed(), true),
      ...poolSamples(pools as unknown as WorkerPools, { site: 'plant', agent: 'x' }),
    ]);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    const text = await response.text();
    const place = 'site="plant",agent="x"';
    const fragment = `namespace="default",app="shop",fragment="f0",region="main",${place}`;
    for (const line of [
      `cloudskin_node_rows_in_total{${fragment},node="a+b",kind="cell"} 100`,
      `cloudskin_node_busy_seconds_total{${fragment},node="a+b",kind="cell"} 1.25`,
      `cloudskin_node_watermark_lag_seconds{${fragment},node="a+b",kind="cell"} 1.5`,
      `cloudskin_operator_keys{${fragment},node="a+b",operator="b"} 7`,
      `cloudskin_channel_queued_bytes{${fragment},channel="ch-1",end="send"} 64`,
      `cloudskin_channel_round_trip_seconds{${fragment},channel="ch-1",end="send"} 0.012`,
      `cloudskin_fragment_epoch{${fragment}} 65537`,
      `cloudskin_region_checkpoint_duration_seconds{namespace="default",app="shop",region="main",${place}} 0.25`,
      `cloudskin_region_restarts_total{namespace="default",app="shop",region="main",${place}} 2`,
      `cloudskin_log_bytes{namespace="default",app="shop",kind="channel",log="ch-1",${place}} 2000`,
      `cloudskin_log_max_bytes{namespace="default",app="shop",kind="channel",log="ch-1",${place}} 9000`,
      `cloudskin_log_oldest_timestamp_seconds{namespace="default",app="shop",kind="channel",log="ch-1",${place}} 1700000000`,
      `cloudskin_task_shed_calls_total{namespace="default",task="scoring",${place}} 2`,
      `cloudskin_task_queued_bytes{namespace="default",task="scoring",${place}} 90`,
      `cloudskin_pool_bytes{${place},pool="starts",worker="default/scoring 0"} 70000`,
      `cloudskin_agent_disk_free_bytes{${place}} 5000`,
      `cloudskin_agent_disk_reserve_bytes{${place}} 11000`,
      `cloudskin_agent_disk_short{${place}} 1`,
      `cloudskin_agent_connected{${place}} 1`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('has a help text for every name, the one of the table', async () => {
    const text = await (await scrape(() => [])).text();
    for (const { exposed, meaning } of METRICS) {
      if (exposed === undefined) continue;
      expect(text).toContain(`# HELP ${exposed.name} ${meaning}\n# TYPE ${exposed.name} ${exposed.kind}\n`);
    }
  });

  it('tells the figures of each scrape alone, also when two come at once', async () => {
    let rows = 0;
    const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, () =>
      samplesOf('channel', { channel: `c${++rows}` }, { rows }),
    );
    const read = async (): Promise<string[]> => {
      const text = await (await fetch(server.url)).text();
      return text.split('\n').filter((line) => line.startsWith('cloudskin_channel_rows_total{'));
    };
    const all = await Promise.all([read(), read(), read()]);
    await server.close();
    expect(all.flat().sort()).toEqual([1, 2, 3].map((n) => `cloudskin_channel_rows_total{channel="c${n}"} ${n}`));
  });
});

describe('the address of --metrics', () => {
  it('is on loopback unless a host is given', () => {
    expect(parseAddress('9464')).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(parseAddress(':9464')).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(parseAddress('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 });
    expect(parseAddress('[::1]:9464')).toEqual({ host: '::1', port: 9464 });
  });

  it.each(['', 'host', 'host:', '70000', 'a:b:1', '::1', '-1', '1e3'])('is refused: %j', (text) => {
    expect(() => parseAddress(text)).toThrow('expected HOST:PORT');
  });

  it('is refused by name where something else listens', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { readonly port: number }).port));
    });
    await expect(serveMetrics({ host: '127.0.0.1', port }, () => [])).rejects.toMatchObject({
      code: 'metrics.cannot-listen',
    });
    other.close();
  });

  it('answers with 404 elsewhere', async () => {
    expect((await scrape(() => [], '/../other')).status).toBe(404);
  });
});

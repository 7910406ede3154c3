/** `status` at an edge whose uplink is down: what is known there, and that it is a part. */
import { expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Continuum } from './processes.ts';

const has = hasNats('installed');

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 1000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  sinks:
    out: { from: rows, file: { path: out.ndjson } }
  placement: { "*": { tier: edge } }
  checkpoint: { every: 200ms }
`;

it.skipIf(!has)(has ? 'shows what agents in reach say while the cloud is away' : NO_NATS.installed, async () => {
  const continuum = await Continuum.start();
  try {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    await continuum.ok('deploy', continuum.graph('graph.yaml', GRAPH));
    await continuum.advance('numbers');
    await continuum.hub.kill();
    const at = ['--nats', continuum.leaf.url];
    const all = await continuum.until(async () => {
      const { status, stdout } = await continuum.run('status', ...at);
      return status === 0 && stdout;
    });
    expect(all).toMatch(/^plant +edge +plant-1 /m);
    expect(all).toMatch(/^numbers +degraded +1 +plant /m);
    expect(all).toMatch(/^cluster\.no-cloud: cloud: no agent of the cloud answers .*: this is what is known here$/m);
    const one = JSON.parse(await continuum.ok('status', 'numbers', ...at, '--json')) as Record<string, unknown>;
    expect(one).toMatchObject({
      app: 'numbers',
      partial: { code: 'cluster.no-cloud' },
      regions: [{ region: 'main', phase: 'running', leader: { site: 'plant' } }],
    });
    const none = await continuum.run('status', 'other', ...at);
    expect(none).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no agent in reach has anything of other'),
    });
  } finally {
    await continuum.close();
  }
});

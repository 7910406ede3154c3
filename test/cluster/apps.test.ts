/** Apps beside each other on real processes, and what is shipped with them: nothing of one is another's. */
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectNats } from '../../engine/nats/client.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Continuum } from './processes.ts';

const has = hasNats('installed');

const graph = (name: string, output: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${name} }
spec:
  sources:
    rows: { generate: { rate: 1000, rows: 1000000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id } }
  sinks:
    out: { from: twice, file: { path: ${output}.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;

describe.skipIf(!has)(has ? 'apps of a continuum' : `apps of a continuum: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  beforeEach(async () => {
    continuum = await Continuum.start();
  });
  afterEach(() => continuum.close());

  /** Of the files that were rolled. */
  function lines(name: string): readonly { readonly id: number }[] {
    const files = readdirSync(continuum.directory).filter((file) => file.startsWith(name) && file.endsWith('.ndjson'));
    const all = files.sort().flatMap((file) => continuum.read(file).split('\n').slice(0, -1));
    return all.map((line) => JSON.parse(line) as { readonly id: number });
  }

  /** Resolves when so many more checkpoints of an app are complete. */
  async function advance(app: string, namespace = 'default', more = 3): Promise<void> {
    const look = async (): Promise<number> => {
      const agents = await continuum.client.ask(300, (all) => all.length === 2);
      const mine = agents.flatMap(({ regions }) =>
        regions.filter((one) => one.app === app && one.namespace === namespace),
      );
      return Math.max(0, ...mine.map(({ checkpoint }) => checkpoint));
    };
    const before = await look();
    await continuum.until(async () => ((await look()) >= before + more ? true : undefined));
  }

  it('have subjects, buckets, state and output of their own, also those of one name in two namespaces', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    const nats = await connectNats({ servers: continuum.hub.url });
    const subjects = new Set<string>();
    nats.subscribe('cs.>', ({ subject }) => subjects.add(subject.split('.').slice(1, 3).join('/')));
    await continuum.ok('deploy', continuum.graph('a.yaml', graph('shop', 'rows-a')));
    await continuum.ok('deploy', continuum.graph('b.yaml', graph('shop', 'rows-b')), '-n', 'test');
    await continuum.ok('deploy', continuum.graph('c.yaml', graph('shop-2', 'rows-c')));
    await Promise.all([advance('shop'), advance('shop', 'test'), advance('shop-2')]);
    expect([...subjects].sort()).toEqual(['default/shop', 'default/shop-2', 'test/shop']);
    const state = async (bucket: string) => nats.jetstream().streamState(`OBJ_cs-state-${bucket}`);
    for (const bucket of ['default_shop', 'test_shop', 'default_shop-2']) expect(await state(bucket)).toBeDefined();
    await continuum.ok('undeploy', 'shop');
    const a = lines('rows-a').length;
    await advance('shop', 'test');
    expect(await state('test_shop')).toBeDefined();
    await continuum.ok('undeploy', 'shop', '-n', 'test');
    await continuum.ok('undeploy', 'shop-2');
    expect(lines('rows-a')).toHaveLength(a);
    for (const name of ['rows-a', 'rows-b', 'rows-c']) {
      const ids = lines(name).map(({ id }) => id);
      expect(ids.length).toBeGreaterThan(100);
      expect(ids).toEqual(ids.map((_, index) => index));
    }
    await nats.close();
  });

  it('bring their components with them', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    copyFileSync(
      new URL('../../operators/anomaly/anomaly.wasm', import.meta.url),
      join(continuum.directory, 'own.wasm'),
    );
    const config = '{ key: name, value: value, threshold: 3, window: 24, minimum: 6 }';
    const text = graph('scores', 'rows-scores')
      .replace(
        'id: { sequence: {} }',
        'id: { sequence: {} }, name: { constant: x }, value: { normal: { mean: 10, deviation: 1 } }',
      )
      .replace('schema: { id: int64 }', 'schema: { id: int64, name: utf8, value: float64 }')
      .replace('select: { id: id }', `component: ./own.wasm, config: ${config}`);
    await continuum.ok('deploy', continuum.graph('graph.yaml', text), '--wait', 'rows');
    await advance('scores');
    await continuum.ok('undeploy', 'scores');
    expect(lines('rows-scores')[50]).toMatchObject({ id: 50, name: 'x', score: expect.any(Number) });
  });
});

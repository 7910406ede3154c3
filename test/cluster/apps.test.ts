/** Apps beside each other on real processes, and what is shipped with them: nothing of one is another's. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectNats } from '../../engine/nats/client.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { copying } from './copying.ts';
import { Continuum } from './processes.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'apps of a continuum' : `apps of a continuum: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  beforeEach(async () => {
    continuum = await Continuum.start();
  });
  afterEach(() => continuum.close());

  it('have subjects, buckets, state and output of their own, also those of one name in two namespaces', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    const nats = await connectNats({ servers: continuum.hub.url });
    const subjects = new Set<string>();
    nats.subscribe('cs.>', ({ subject }) => subjects.add(subject.split('.').slice(1, 3).join('/')));
    await continuum.ok('deploy', continuum.graph('a.yaml', copying('shop', 'rows-a')));
    await continuum.ok('deploy', continuum.graph('b.yaml', copying('shop', 'rows-b')), '-n', 'test');
    await continuum.ok('deploy', continuum.graph('c.yaml', copying('shop-2', 'rows-c')));
    await Promise.all([continuum.advance('shop'), continuum.advance('shop', 'test'), continuum.advance('shop-2')]);
    expect([...subjects].sort()).toEqual(['default/shop', 'default/shop-2', 'test/shop']);
    const state = async (bucket: string) => nats.jetstream().streamState(`OBJ_cs-state-${bucket}`);
    for (const bucket of ['default_shop', 'test_shop', 'default_shop-2']) expect(await state(bucket)).toBeDefined();
    await continuum.ok('undeploy', 'shop');
    const a = continuum.ids('rows-a').length;
    await continuum.advance('shop', 'test');
    expect(await state('test_shop')).toBeDefined();
    await continuum.ok('undeploy', 'shop', '-n', 'test');
    await continuum.ok('undeploy', 'shop-2');
    expect(continuum.ids('rows-a')).toHaveLength(a);
    for (const name of ['rows-a', 'rows-b', 'rows-c']) {
      const ids = continuum.ids(name);
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
    const text = copying('scores', 'rows-scores')
      .replace(
        'id: { sequence: {} }',
        'id: { sequence: {} }, name: { constant: x }, value: { normal: { mean: 10, deviation: 1 } }',
      )
      .replace('schema: { id: int64 }', 'schema: { id: int64, name: utf8, value: float64 }')
      .replace('select: { id: id }', `component: ./own.wasm, config: ${config}`);
    await continuum.ok('deploy', continuum.graph('graph.yaml', text), '--wait', 'rows');
    await continuum.advance('scores');
    await continuum.ok('undeploy', 'scores');
    expect(continuum.rows('rows-scores')[50]).toMatchObject({ id: 50, name: 'x', score: expect.any(Number) });
  });
});

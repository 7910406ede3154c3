/** Where the control documents are, in a simulated network of a hub and a leaf. */

import { describe, expect, it } from 'vitest';
import { SimulatedNetwork } from '../../../test/simulation/nats/network.ts';
import { defined } from '../../defined.ts';
import { adviceOnCopies, ControlBuckets } from './buckets.ts';

/** What an edge at a leaf finds, the domain of the hub being so; `known`: what is on its disk. */
async function found(domain: string | undefined, known?: string): Promise<string> {
  const network = new SimulatedNetwork(5);
  const hub = network.server({ name: 'hub', ...defined({ domain }) });
  const leaf = network.server({ name: 'leaf', domain: 'plant' });
  network.link(leaf, hub);
  const outcome: { found?: string; settled: boolean } = { settled: false };
  const look = async (): Promise<void> => {
    const cloud = new ControlBuckets({ nats: await network.connect(network.node('cloud'), [hub]), home: true });
    cloud.answer();
    await cloud.documents();
    const node = network.node('edge');
    const nats = await network.connect(node, [leaf]);
    const edge = new ControlBuckets({ nats, home: false, ...defined({ known }) });
    // the link takes a while to know who listens at its other end
    do {
      await new Promise<void>((resolve) => node.after(200, resolve));
      outcome.found = await edge.domain().catch((error: { code: string }) => error.code);
    } while (outcome.found === 'cluster.no-cloud');
  };
  look().then(
    () => (outcome.settled = true),
    (error: unknown) => {
      outcome.found = String(error);
      outcome.settled = true;
    },
  );
  await network.clock.run(() => outcome.settled, network.clock.now + 30_000);
  return outcome.found ?? 'nothing';
}

describe('the domain of the control documents', () => {
  it('is the one that the cloud tells', async () => {
    expect(await found('hub')).toBe('hub');
  });

  it('is out of reach behind a leaf with a domain where the cloud has none, which is said', async () => {
    expect(await found(undefined)).toBe('cluster.no-domain');
  });

  it('is asked for again where the cloud had none when it was found', async () => {
    expect(await found(undefined, '')).toBe('cluster.no-domain');
  });
});

describe('what one server of several keeps', () => {
  const info = { id: 'i', name: 'n0', version: '2.15.2', maxPayload: 1, jetstream: true, cluster: 'c' };
  const state = (name: string, replicas: number) => ({
    ...{ name, messages: 0, bytes: 0, firstSequence: 1, lastSequence: 0, created: 0 },
    config: { name, subjects: [], replicas },
  });

  it('is named where the cluster tells of three servers', () => {
    const states = [state('KV_cs-control', 1), undefined, state('KV_cs-regions', 3)];
    const advice = adviceOnCopies({ ...info, clusterAddresses: 3 }, states);
    expect(advice).toContain('one server of cluster c keeps KV_cs-control:');
    expect(advice).toContain('--replicas 3');
  });

  it('is as it should be on two servers, or on one', () => {
    const states = [state('KV_cs-control', 1)];
    expect(adviceOnCopies({ ...info, clusterAddresses: 2 }, states)).toBeUndefined();
    expect(adviceOnCopies(info, states)).toBeUndefined();
    expect(adviceOnCopies({ ...info, clusterAddresses: 3 }, [state('KV_cs-control', 3)])).toBeUndefined();
  });
});

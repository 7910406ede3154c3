/** The simulated disk is a blob store like any other, and does what a disk may do to what is on it. */
import { describe, expect, it } from 'vitest';
import { blobContract } from '../../contract/blobs.ts';
import { SimulatedNetwork } from '../nats/network.ts';
import { SimulatedDisk } from './disk.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A clock that turns by itself until it is stopped. */
function turning(): { readonly network: SimulatedNetwork; stop(): void } {
  const network = new SimulatedNetwork(1);
  let stopped = false;
  void (async () => {
    while (!stopped) {
      if (!(await network.clock.run(() => stopped))) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return {
    network,
    stop: () => {
      stopped = true;
    },
  };
}

blobContract({
  title: 'the simulated disk',
  async open() {
    const { network, stop } = turning();
    const disk = new SimulatedDisk('d');
    const open = () => disk.open(network.node('process'), 'blobs');
    return { store: open(), reopen: async () => open(), close: async () => stop() };
  },
});

describe('the simulated disk', () => {
  it('has a put that a kill has interrupted as a whole or not at all, and nothing more of its process', async () => {
    let [there, missing, resolved] = [0, 0, 0];
    for (let seed = 1; seed <= 40; seed += 1) {
      const network = new SimulatedNetwork(seed);
      const disk = new SimulatedDisk('d');
      const node = network.node('process');
      disk
        .open(node, 'blobs')
        .put('a', [bytes('one'), bytes('two')])
        .then(
          () => {
            resolved += 1;
          },
          () => undefined,
        );
      await network.clock.run(() => false, 2);
      node.kill();
      await network.clock.run(() => false, 100);
      const found = disk.image().get('blobs/a');
      if (found === undefined) missing += 1;
      else {
        there += 1;
        expect(Buffer.from(found).toString()).toBe('onetwo');
      }
    }
    expect(Math.min(there, missing)).toBeGreaterThan(0);
    expect(resolved).toBeLessThan(there);
  });

  it('says that it is full, and takes more when it is not', async () => {
    const { network, stop } = turning();
    const disk = new SimulatedDisk('d');
    const store = disk.open(network.node('process'), 'blobs');
    disk.full = true;
    await expect(store.put('a', [bytes('1')])).rejects.toMatchObject({ code: 'state.full', retry: true });
    expect(await store.get('a')).toBeUndefined();
    disk.full = false;
    await store.put('a', [bytes('1')]);
    const older = disk.image();
    await store.put('a', [bytes('2')]);
    expect(disk.corrupt('blobs/a', network.random)).toBe(true);
    expect(Buffer.from((await store.get('a')) ?? []).toString()).not.toBe('2');
    disk.restore(older);
    expect(Buffer.from((await store.get('a')) ?? []).toString()).toBe('1');
    stop();
  });
});

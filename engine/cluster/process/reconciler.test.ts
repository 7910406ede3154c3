/** How often a step that fails is spoken of. */
import { describe, expect, it } from 'vitest';
import { SimulatedNetwork } from '../../../test/simulation/nats/network.ts';
import { externalError } from '../../errors.ts';
import { Reconciler } from './reconciler.ts';

/** Whether each failure is the one before again; `codes` of the attempts, `''` for one that goes well. */
async function told(codes: readonly string[]): Promise<readonly boolean[]> {
  const network = new SimulatedNetwork(1);
  const found: boolean[] = [];
  let attempt = 0;
  const step = (): Promise<number> => {
    const code = codes[attempt++] ?? '';
    return code === '' ? Promise.resolve(10) : Promise.reject(externalError(code, `attempt ${attempt}`));
  };
  const reconciler = new Reconciler(network.node('one').ports, step, (_, again) => found.push(again));
  reconciler.kick();
  await network.clock.run(() => attempt > codes.length, network.clock.now + 60_000);
  await reconciler.stop();
  return found;
}

describe('a step that fails', () => {
  it('is told again and again, and that it is the same as before', async () => {
    expect(await told(['a', 'a', 'a'])).toEqual([false, true, true]);
  });

  it('is news where it fails otherwise, or went well in between', async () => {
    expect(await told(['a', 'b', '', 'b'])).toEqual([false, false, false]);
  });
});

describe('a step that asks for another', () => {
  it('is over before that begins, though it asks before it first waits', async () => {
    const network = new SimulatedNetwork(1);
    const { ports } = network.node('one');
    const said: string[] = [];
    let left = 3;
    const reconciler: Reconciler = new Reconciler(
      ports,
      async () => {
        said.push('begins');
        if (left-- > 0) reconciler.kick();
        await Promise.resolve();
        said.push('ends');
        return undefined;
      },
      () => undefined,
    );
    reconciler.kick();
    await network.clock.run(() => left < 0, network.clock.now + 1_000);
    await reconciler.stop();
    expect(said).toEqual(Array.from({ length: 4 }, () => ['begins', 'ends']).flat());
  });
});

/** The contract of engine/nats/nats.ts: what every implementation of it does, the real servers and the simulation alike. */
import { afterAll, beforeAll, describe } from 'vitest';
import { bucketContract } from './nats/buckets.ts';
import { coreContract } from './nats/core.ts';
import { faultContract } from './nats/faults.ts';
import { streamContract } from './nats/streams.ts';
import type { NatsWorld, NatsWorldMaker } from './nats/world.ts';

export type { NatsWorld, NatsWorldMaker } from './nats/world.ts';

export function natsContract(maker: NatsWorldMaker): void {
  const { name, missing } = maker;
  describe.skipIf(missing !== undefined)(`NATS by ${name}${missing === undefined ? '' : ` (${missing})`}`, () => {
    let made: NatsWorld | undefined;
    const world = (): NatsWorld => {
      if (made === undefined) throw new Error('the world was not made');
      return made;
    };
    beforeAll(async () => {
      made = await maker.make();
    });
    afterAll(() => made?.close());
    describe('core', () => coreContract(world));
    describe('streams', () => streamContract(world));
    describe('buckets', () => bucketContract(world));
    describe('faults', () => faultContract(world));
  });
}

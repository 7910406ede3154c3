/** What every source of a server promises, as tests against a real one. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defined } from '../../engine/defined.ts';
import type { SourceContext } from '../../engine/graph/connector.ts';
import {
  type Exceptions,
  moment,
  range,
  rowsFor,
  type Served,
  ServedReader,
  type ServedWorld,
  type SourcePlace,
  served,
  TroubleHeard,
  within,
} from './served-connector.ts';

export type SourceCaseName =
  | 'reads what was there'
  | 'reads what comes, in its order'
  | 'goes on from every position'
  | 'is sent again what was not acknowledged, and nothing that was'
  | 'holds no more than its bound while nobody reads, and loses nothing'
  | 'the connection is lost and comes back while it waits'
  | 'the connection is lost and comes back while it reads'
  | 'what was not acknowledged when the connection was lost comes once'
  | 'the server is killed and comes back while it waits'
  | 'the server is killed and comes back while it reads'
  | 'poison between good messages is named, and they come'
  | 'says what it tries while it is cut off, and when it goes on'
  | 'stops while it waits'
  | 'stops while it is cut off';

export interface ServedSource<World extends ServedWorld> extends Served<World> {
  place(world: World): Promise<SourcePlace>;
  readonly exceptions: Exceptions<SourceCaseName>;
  /** Bytes of messages that the source may take in while nobody reads, buffers of the sockets included. */
  readonly bound: number;
  /** What it reads is kept for it only once it has been there. */
  readonly keepsForKnown?: boolean;
  /** Bytes that have passed to the connector. */
  passed(world: World): number;
}

/** Milliseconds in which stopping must end. */
const STOPPED = 20_000;
const LONG = 'x'.repeat(65_536);

interface Situation {
  place(): Promise<SourcePlace>;
  open(place: SourcePlace, more?: Partial<SourceContext>): Promise<ServedReader>;
  world(): ServedWorld;
  passed(): number;
}

export function servedSource<World extends ServedWorld>(subject: ServedSource<World>): void {
  const missing = subject.missing === undefined ? '' : ` (skipped: ${subject.missing})`;
  describe.skipIf(subject.missing !== undefined)(
    `${subject.title}: the contract of sources of servers${missing}`,
    () => {
      let world: World;
      const closing: (() => Promise<void>)[] = [];
      beforeAll(async () => {
        world = await subject.start();
      }, 30_000);
      afterEach(async () => {
        world.heal();
        for (const close of closing.splice(0).reverse()) await close();
      });
      afterAll(async () => {
        await world?.stop();
      });
      const situation: Situation = {
        place: async () => {
          const place = await subject.place(world);
          closing.push(async () => place.close?.());
          return place;
        },
        open: async (place, more) => {
          const reader = await ServedReader.open(subject.connector, place.options, more);
          closing.push(() => reader.close());
          await place.listened?.();
          return reader;
        },
        world: () => world,
        passed: () => subject.passed(world),
      };
      readsAll(subject, situation);
      acknowledges(subject, situation);
      holdsItsBound(subject, situation);
      outlivesCuts(subject, situation);
      outlivesKills(subject, situation);
      stops(subject, situation);
      refuses(subject);
    },
  );
}

/** Acknowledges all the while: brokers send only so much without. */
async function takeAll(reader: ServedReader, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    await reader.acknowledge();
    const batch = await reader.batch();
    if (batch === undefined) break;
    ids.push(...batch);
  }
  await reader.acknowledge();
  return ids;
}

function readsAll(subject: ServedSource<ServedWorld>, { place: fresh, open }: Situation): void {
  const { exceptions } = subject;
  served(exceptions, 'reads what was there', async () => {
    const place = await fresh();
    if (subject.keepsForKnown === true) await (await open(place)).close();
    await place.publish(rowsFor(range(0, 5)));
    expect(await (await open(place)).take(5)).toEqual(range(0, 5));
  });

  served(exceptions, 'reads what comes, in its order', async () => {
    const place = await fresh();
    const reader = await open(place);
    const waiting = reader.take(3);
    await place.publish(rowsFor(range(0, 3)));
    expect(await waiting).toEqual(range(0, 3));
    await reader.acknowledge();
    for (let from = 3; from < 303; from += 100) await place.publish(rowsFor(range(from, from + 100)));
    expect(await takeAll(reader, 300)).toEqual(range(3, 303));
  });

  served(exceptions, 'goes on from every position', async () => {
    const place = await fresh();
    const first = await open(place);
    const places = [{ positions: first.positions, seen: 0 }];
    let seen = 0;
    for (let from = 0; from < 9; from += 3) {
      await place.publish(rowsFor(range(from, from + 3)));
      while (seen < from + 3) {
        seen += (await first.batch())?.length ?? 0;
        places.push({ positions: first.positions, seen });
      }
    }
    await place.publish(rowsFor(range(9, 12)));
    for (const { positions, seen } of places) {
      expect(positions).toBeDefined();
      const again = await open(place, defined({ positions }));
      expect(await again.take(12 - seen)).toEqual(range(seen, 12));
      await again.close();
    }
  });

  served(exceptions, 'poison between good messages is named, and they come', async () => {
    const place = await fresh();
    const reader = await open(place);
    await place.publish(rowsFor(range(0, 2)));
    await place.poison?.();
    await place.publish(rowsFor(range(2, 4)));
    expect(await reader.take(4)).toEqual(range(0, 4));
    await reader.acknowledge();
    expect(reader.setup.bad.length).toBe(1);
    expect(reader.setup.bad[0]?.code).toMatch(/^[a-z]+(\.[a-z0-9-]+)+$/);
    expect(reader.setup.bad[0]?.position.length).toBeGreaterThan(0);
  });
}

function acknowledges({ exceptions }: ServedSource<ServedWorld>, { place: fresh, open }: Situation): void {
  served(exceptions, 'is sent again what was not acknowledged, and nothing that was', async () => {
    const place = await fresh();
    const reader = await open(place);
    await place.publish(rowsFor(range(0, 5)));
    expect(await reader.take(5)).toEqual(range(0, 5));
    await reader.acknowledge();
    await place.publish(rowsFor(range(5, 12)));
    expect(await reader.take(7)).toEqual(range(5, 12));
    await reader.close();
    const successor = await open(place);
    await place.publish(rowsFor(range(12, 15)));
    expect((await successor.take(10)).toSorted((a, b) => a - b)).toEqual(range(5, 15));
    await successor.acknowledge();
  });
}

function holdsItsBound(
  { exceptions, bound }: ServedSource<ServedWorld>,
  { place: fresh, open, passed }: Situation,
): void {
  served(
    exceptions,
    'holds no more than its bound while nobody reads, and loses nothing',
    async () => {
      const place = await fresh();
      const reader = await open(place);
      await place.publish(rowsFor([0]));
      await reader.take(1);
      await reader.acknowledge();
      const before = passed();
      const count = Math.ceil((2 * bound) / LONG.length);
      await place.publish(rowsFor(range(1, count + 1), LONG));
      // longer than a broker, or a client, waits for a sign of life
      await moment(2_000);
      expect(passed() - before).toBeLessThan(bound);
      expect(await takeAll(reader, count)).toEqual(range(1, count + 1));
    },
    120_000,
  );
}

function outlivesCuts({ exceptions }: ServedSource<ServedWorld>, { place: fresh, open, world }: Situation): void {
  served(exceptions, 'the connection is lost and comes back while it waits', async () => {
    const place = await fresh();
    const reader = await open(place);
    const pending = reader.take(5);
    await moment();
    world().cut();
    await moment(300);
    world().heal();
    await place.listened?.();
    await place.publish(rowsFor(range(0, 5)));
    expect(await pending).toEqual(range(0, 5));
  });

  served(exceptions, 'says what it tries while it is cut off, and when it goes on', async () => {
    const place = await fresh();
    const heard = new TroubleHeard();
    const reader = await open(place, { trouble: heard.listener });
    const pending = reader.take(5);
    await moment();
    world().cut();
    expect((await heard.begun).server).toMatch(/^[a-z]+ 127\.0\.0\.1:\d+$/);
    world().heal();
    await place.listened?.();
    await place.publish(rowsFor(range(0, 5)));
    expect(await pending).toEqual(range(0, 5));
    await heard.over;
  });

  served(exceptions, 'the connection is lost and comes back while it reads', async () => {
    const place = await fresh();
    const reader = await open(place);
    await place.publish(rowsFor(range(0, 400), 'x'.repeat(2_000)));
    const ids = await reader.take(1);
    world().cut();
    await moment(200);
    world().heal();
    await place.listened?.();
    await place.publish(rowsFor(range(400, 410)));
    expect([...ids, ...(await takeAll(reader, 410 - ids.length))]).toEqual(range(0, 410));
  });

  served(exceptions, 'what was not acknowledged when the connection was lost comes once', async () => {
    const place = await fresh();
    const reader = await open(place);
    await place.publish(rowsFor(range(0, 5)));
    expect(await reader.take(5)).toEqual(range(0, 5));
    world().cut();
    await moment(200);
    world().heal();
    await place.listened?.();
    await place.publish(rowsFor(range(5, 8)));
    expect(await reader.take(3)).toEqual(range(5, 8));
    await reader.acknowledge();
  });
}

function outlivesKills({ exceptions }: ServedSource<ServedWorld>, { place: fresh, open, world }: Situation): void {
  served(exceptions, 'the server is killed and comes back while it waits', async () => {
    const place = await fresh();
    const reader = await open(place);
    const pending = reader.take(5);
    await moment();
    await world().kill?.();
    await world().start?.();
    await place.listened?.();
    await place.publish(rowsFor(range(0, 5)));
    expect(await pending).toEqual(range(0, 5));
  });

  served(exceptions, 'the server is killed and comes back while it reads', async () => {
    const place = await fresh();
    const reader = await open(place);
    await place.publish(rowsFor(range(0, 400), 'x'.repeat(2_000)));
    const ids = await reader.take(1);
    await world().kill?.();
    await world().start?.();
    await place.listened?.();
    await place.publish(rowsFor(range(400, 410)));
    expect([...ids, ...(await takeAll(reader, 410 - ids.length))]).toEqual(range(0, 410));
  });
}

function stops({ exceptions }: ServedSource<ServedWorld>, { place: fresh, open, world }: Situation): void {
  served(exceptions, 'stops while it waits', async () => {
    const reader = await open(await fresh());
    const pending = reader.take(1);
    await moment(50);
    reader.stop();
    expect(await within(STOPPED, pending)).toEqual([]);
    await within(STOPPED, reader.close());
  });

  served(exceptions, 'stops while it is cut off', async () => {
    const reader = await open(await fresh());
    const pending = reader.take(1);
    world().cut();
    await moment(300);
    reader.stop();
    expect(await within(STOPPED, pending)).toEqual([]);
    await within(STOPPED, reader.close());
  });
}

function refuses({ connector, refusals }: ServedSource<ServedWorld>): void {
  it.each(refusals)('fails by name: $title', async ({ options, code }) => {
    const opening = ServedReader.open(connector, await options()).then(async (reader) => {
      try {
        await reader.take(1);
      } finally {
        await reader.close();
      }
    });
    await expect(within(30_000, opening)).rejects.toMatchObject({ code, message: expect.stringMatching(/\w+ \w+/) });
  });
}

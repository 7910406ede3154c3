/** What every sink of a server promises, as tests against a real one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SinkContext } from '../../engine/graph/connector.ts';
import {
  type Exceptions,
  moment,
  range,
  type Served,
  type ServedWorld,
  ServedWriter,
  type SinkPlace,
  served,
  TroubleHeard,
  within,
} from './served-connector.ts';

export type SinkCaseName =
  | 'writes all rows, in their order'
  | 'shows output when its checkpoint is complete, once, however often it is committed'
  | 'a checkpoint that was given up goes with the next'
  | 'commits through a lost connection'
  | 'commits through a killed server'
  | 'writes through a lost connection'
  | 'says what it tries while it is cut off, and when it goes on'
  | 'leaves nothing behind when it is aborted before its checkpoint'
  | 'goes on from a checkpoint that was not committed'
  | 'goes on from a checkpoint that was committed, and one without output'
  | 'bounds what waits while the server is away'
  | 'closes in bounded time while the server is away';

export interface ServedSink<World extends ServedWorld> extends Served<World> {
  place(world: World): Promise<SinkPlace>;
  readonly exceptions: Exceptions<SinkCaseName>;
  /** Rows that come may come again where the connection was lost: only the numbers count then. */
  readonly repeats?: boolean;
  /** Options with which little may wait, and the code where the sink then fails instead of waiting. */
  readonly little: { readonly options: object; readonly code?: string };
}

/** Milliseconds in which closing must end where `retryFor` is `SHORT`. */
const BOUNDED = 20_000;
const SHORT = '500ms';
const HELD: Partial<SinkContext> = { checkpointed: true };

interface Situation {
  place(): Promise<SinkPlace>;
  open(place: SinkPlace, more?: Partial<SinkContext>, options?: object): Promise<ServedWriter>;
  world(): ServedWorld;
  /** Until it is there. */
  see(place: SinkPlace, ids: readonly number[]): Promise<void>;
}

export function servedSink<World extends ServedWorld>(subject: ServedSink<World>): void {
  const missing = subject.missing === undefined ? '' : ` (skipped: ${subject.missing})`;
  describe.skipIf(subject.missing !== undefined)(`${subject.title}: the contract of sinks of servers${missing}`, () => {
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
      open: async (place, more, options = {}) => {
        const writer = await ServedWriter.open(subject.connector, { ...place.options, ...options }, more);
        closing.push(() => writer.abort());
        return writer;
      },
      world: () => world,
      see: async (place, ids) => {
        const found = async (): Promise<number[]> => {
          const all = await place.collected();
          return subject.repeats === true ? [...new Set(all)] : all;
        };
        await expect.poll(found).toEqual(ids);
      },
    };
    writesAll(subject, situation);
    commits(subject, situation);
    outlives(subject, situation);
    saysWhatItTries(subject, situation);
    goesOn(subject, situation);
    isBounded(subject, situation);
    refuses(subject);
  });
}

function writesAll({ exceptions }: ServedSink<ServedWorld>, { place: fresh, open, see }: Situation): void {
  for (const more of [{}, HELD]) {
    const name = 'writes all rows, in their order';
    const mode = more === HELD ? 'with checkpoints' : 'without checkpoints';
    describe(mode, () => {
      served(exceptions, name, async () => {
        const place = await fresh();
        const writer = await open(place, more);
        for (let from = 0; from < 300; from += 100) await writer.write(range(from, from + 100));
        await writer.sink.flush?.();
        const report = await writer.sink.close();
        expect(report.rows).toBe(300);
        expect(report.wrote.length).toBe(1);
        await see(place, range(0, 300));
      });
    });
  }
}

function commits({ exceptions }: ServedSink<ServedWorld>, { place: fresh, open }: Situation): void {
  served(exceptions, 'shows output when its checkpoint is complete, once, however often it is committed', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 5));
    expect(await place.collected()).toEqual([]);
    const first = await writer.prepare(1);
    expect(await place.collected()).toEqual([]);
    await writer.write(range(5, 8));
    await writer.commit(1, first);
    await writer.commit(1, first);
    expect(await place.collected()).toEqual(range(0, 5));
    const second = await writer.prepare(2);
    await writer.commit(2, second);
    await writer.commit(1, first);
    expect(await place.collected()).toEqual(range(0, 8));
  });

  served(exceptions, 'a checkpoint that was given up goes with the next', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 5));
    await writer.prepare(1);
    await writer.write(range(5, 8));
    const second = await writer.prepare(2);
    await writer.write(range(8, 10));
    await writer.commit(2, second);
    expect(await place.collected()).toEqual(range(0, 8));
    await writer.commit(3, await writer.prepare(3));
    expect(await place.collected()).toEqual(range(0, 10));
  });

  served(exceptions, 'leaves nothing behind when it is aborted before its checkpoint', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 5));
    await writer.prepare(1);
    await writer.abort();
    await moment();
    expect(await place.collected()).toEqual([]);
  });
}

function outlives({ exceptions }: ServedSink<ServedWorld>, { place: fresh, open, world, see }: Situation): void {
  served(exceptions, 'commits through a lost connection', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 1000), 'x'.repeat(1000));
    const prepared = await writer.prepare(1);
    const committing = writer.commit(1, prepared);
    await moment(5);
    world().cut();
    await moment(300);
    world().heal();
    await committing;
    await see(place, range(0, 1000));
    await writer.write(range(1000, 1010));
    await writer.close();
    await see(place, range(0, 1010));
  });

  served(exceptions, 'commits through a killed server', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 10));
    const first = await writer.prepare(1);
    await world().kill?.();
    const committing = writer.commit(1, first);
    await moment();
    await world().start?.();
    await committing;
    await see(place, range(0, 10));
    await writer.write(range(10, 1000), 'x'.repeat(1000));
    const second = await writer.prepare(2);
    const again = writer.commit(2, second);
    await moment(5);
    await world().kill?.();
    await world().start?.();
    await again;
    await writer.close();
    await see(place, range(0, 1000));
  });

  served(exceptions, 'writes through a lost connection', async () => {
    const place = await fresh();
    const writer = await open(place);
    await writer.write(range(0, 10));
    await writer.sink.flush?.();
    world().cut();
    const writing = writer.write(range(10, 20)).then(() => writer.sink.flush?.());
    await moment(300);
    world().heal();
    await writing;
    await writer.write(range(20, 30));
    await writer.close();
    await see(place, range(0, 30));
  });
}

function saysWhatItTries({ exceptions }: ServedSink<ServedWorld>, { place: fresh, open, world }: Situation): void {
  served(exceptions, 'says what it tries while it is cut off, and when it goes on', async () => {
    const place = await fresh();
    const heard = new TroubleHeard();
    const writer = await open(place, { trouble: heard.listener });
    await writer.write(range(0, 10));
    await writer.sink.flush?.();
    world().cut();
    const writing = writer.write(range(10, 20)).then(() => writer.sink.flush?.());
    expect((await heard.begun).server).toMatch(/^[a-z]+ 127\.0\.0\.1:\d+$/);
    world().heal();
    await writing;
    await heard.over;
    await writer.close();
  });
}

function goesOn({ exceptions }: ServedSink<ServedWorld>, { place: fresh, open, see }: Situation): void {
  served(exceptions, 'goes on from a checkpoint that was not committed', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 5));
    const prepared = await writer.prepare(1);
    await writer.write(range(90, 95));
    await writer.abort();
    const successor = await open(place, { ...HELD, restored: { checkpoint: 1, prepared } });
    await see(place, range(0, 5));
    await successor.write(range(5, 8));
    await successor.close();
    await see(place, range(0, 8));
  });

  served(exceptions, 'goes on from a checkpoint that was committed, and one without output', async () => {
    const place = await fresh();
    const writer = await open(place, HELD);
    await writer.write(range(0, 5));
    const first = await writer.prepare(1);
    await writer.commit(1, first);
    const empty = await writer.prepare(2);
    await writer.commit(2, empty);
    await writer.abort();
    for (const [checkpoint, prepared] of [first, empty].entries()) {
      const successor = await open(place, { ...HELD, restored: { checkpoint: checkpoint + 1, prepared } });
      await successor.abort();
    }
    expect(await place.collected()).toEqual(range(0, 5));
    const successor = await open(place, { ...HELD, restored: { checkpoint: 2, prepared: empty } });
    await successor.write(range(5, 8));
    await successor.close();
    await see(place, range(0, 8));
  });
}

function isBounded({ exceptions, little }: ServedSink<ServedWorld>, { place: fresh, open, world }: Situation): void {
  served(exceptions, 'bounds what waits while the server is away', async () => {
    const writer = await open(await fresh(), little.code === undefined ? {} : HELD, little.options);
    world().cut();
    let written = 0;
    const text = 'x'.repeat(100_000);
    const writing = (async () => {
      for (; written < 1000; written++) await writer.write([written], text);
    })();
    const failing = writing.catch((error: unknown) => error);
    if (little.code !== undefined) expect(await within(BOUNDED, failing)).toMatchObject({ code: little.code });
    else await moment(1_000);
    expect(written).toBeLessThan(200);
    await writer.abort();
    world().heal();
    await within(BOUNDED, failing);
  });

  served(exceptions, 'closes in bounded time while the server is away', async () => {
    const writer = await open(await fresh(), {}, { retryFor: SHORT });
    world().cut();
    const closing = writer.write([1]).then(() => writer.close());
    await expect(within(BOUNDED, closing)).rejects.toMatchObject({
      code: expect.stringMatching(/^[a-z]+(\.[a-z0-9-]+)+$/),
    });
  });
}

function refuses({ connector, refusals }: ServedSink<ServedWorld>): void {
  it.each(refusals)('fails by name: $title', async ({ options, code }) => {
    const opening = ServedWriter.open(connector, await options()).then(async (writer) => {
      try {
        await writer.write([1]);
        await writer.sink.flush?.();
      } finally {
        await writer.abort();
      }
    });
    await expect(within(30_000, opening)).rejects.toMatchObject({ code, message: expect.stringMatching(/\w+ \w+/) });
  });
}

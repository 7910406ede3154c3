/** JetStream: streams, publishing with ids and expectations, bounds, reading in order. */
import { expect, it } from 'vitest';
import type { JetStream, Nats, StoredMessage, StreamReader } from '../../../engine/nats/nats.ts';
import { bytes, fresh, type NatsWorld, passUntil, text } from './world.ts';

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function fill(js: JetStream, subject: string, from: number, to: number): Promise<void> {
  await Promise.all(numbers(from, to).map((index) => js.publish(subject, bytes(String(index)))));
}

async function take(reader: StreamReader, count: number): Promise<StoredMessage[]> {
  const taken: StoredMessage[] = [];
  while (taken.length < count) {
    const message = await reader.next();
    if (message === undefined) break;
    taken.push(message);
  }
  return taken;
}

const opener = (world: () => NatsWorld) => async (): Promise<{ nats: Nats; js: JetStream; name: string }> => {
  const nats = await world().connect();
  return { nats, js: nats.jetstream(), name: fresh('S') };
};

export function streamContract(world: () => NatsWorld): void {
  for (const part of [
    making,
    storing,
    ids,
    expecting,
    bounds,
    ages,
    reading,
    places,
    selecting,
    readers,
    gone,
    refusing,
  ])
    part(world);
}

function making(world: () => NatsWorld): void {
  const open = opener(world);
  it('makes a stream, changes it, deletes it', async () => {
    const { js, name } = await open();
    expect(await js.streamState(name)).toBeUndefined();
    const before = world().now();
    const made = await js.ensureStream({ name, subjects: [name, `${name}.>`], maxMessages: 5, discard: 'new' });
    expect(made).toMatchObject({ name, messages: 0, bytes: 0, firstSequence: 1, lastSequence: 0 });
    expect(made.config).toMatchObject({ subjects: [name, `${name}.>`], maxMessages: 5, discard: 'new' });
    expect(Math.abs(made.created - before)).toBeLessThan(10_000);
    await js.publish(`${name}.a`, bytes('1'));
    const again = await js.ensureStream({ name, subjects: [name, `${name}.>`], maxMessages: 9, discard: 'new' });
    expect(again).toMatchObject({ messages: 1, lastSequence: 1, created: made.created, config: { maxMessages: 9 } });
    expect(await js.deleteStream(name)).toBe(true);
    expect(await js.deleteStream(name)).toBe(false);
    expect(await js.streamState(name)).toBeUndefined();
    await expect(js.publish(name, bytes(''))).rejects.toMatchObject({ code: 'nats.no-stream', retry: true });
  });

  it('refuses a stream that takes subjects of another', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [`${name}.a.*`] });
    await expect(js.ensureStream({ name: `${name}-2`, subjects: [`${name}.*.b`] })).rejects.toMatchObject({
      code: 'nats.refused',
    });
    expect(await js.streamOf(`${name}.a.x`)).toBe(name);
    expect(await js.streamOf(`${name}.b.x`)).toBeUndefined();
  });
}

function storing(world: () => NatsWorld): void {
  const open = opener(world);
  it('numbers what it stores and hands it out by number and by subject', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [`${name}.*`] });
    expect(await js.publish(`${name}.a`, bytes('1'), { headers: { Key: 'v' } })).toEqual({
      sequence: 1,
      duplicate: false,
    });
    expect(await js.publish(`${name}.b`, bytes('2'))).toEqual({ sequence: 2, duplicate: false });
    expect(await js.publish(`${name}.a`, bytes('3'))).toEqual({ sequence: 3, duplicate: false });
    const first = await js.message(name, 1);
    expect(first).toMatchObject({ subject: `${name}.a`, sequence: 1 });
    expect([text(first?.data), first?.headers.Key]).toEqual(['1', 'v']);
    expect(Math.abs((first?.time ?? 0) - world().now())).toBeLessThan(10_000);
    expect((await js.lastMessage(name, `${name}.a`))?.sequence).toBe(3);
    expect((await js.lastMessage(name, `${name}.b`))?.sequence).toBe(2);
    expect(await js.lastMessage(name, `${name}.c`)).toBeUndefined();
    expect(await js.message(name, 4)).toBeUndefined();
    await expect(js.message(`${name}-none`, 1)).rejects.toMatchObject({ code: 'nats.no-stream' });
    expect(await js.streamState(name)).toMatchObject({ messages: 3, firstSequence: 1, lastSequence: 3 });
  });

  it('takes the bytes of a publication before the call returns', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    const data = new Uint8Array(50_000).fill(1);
    const first = js.publish(name, data);
    data.fill(2);
    const second = js.publish(name, data);
    data.fill(3);
    await Promise.all([first, second]);
    expect((await js.message(name, 1))?.data[49_999]).toBe(1);
    expect((await js.message(name, 2))?.data[0]).toBe(2);
  });

  it('brings a stored message to plain subscribers as well', async () => {
    const { js, name } = await open();
    const nats = await world().connect();
    await js.ensureStream({ name, subjects: [name] });
    const seen = new Promise<string>((resolve) => nats.subscribe(name, ({ data }) => resolve(text(data))));
    await nats.flush();
    nats.publish(name, bytes('plain'));
    expect(await seen).toBe('plain');
    await nats.flush();
    expect(text((await js.lastMessage(name, name))?.data)).toBe('plain');
  });
}

function ids(world: () => NatsWorld): void {
  const open = opener(world);
  it('knows a message id again within the window', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name], duplicateWindow: 60_000 });
    expect(await js.publish(name, bytes('1'), { messageId: 'a' })).toEqual({ sequence: 1, duplicate: false });
    expect(await js.publish(name, bytes('2'), { messageId: 'b' })).toEqual({ sequence: 2, duplicate: false });
    expect(await js.publish(name, bytes('1'), { messageId: 'a' })).toEqual({ sequence: 1, duplicate: true });
    expect(await js.publish(name, bytes('2'), { messageId: 'b', expectLastSequence: 2 })).toEqual({
      sequence: 2,
      duplicate: true,
    });
  });

  it('knows a message id no more after the window', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name], duplicateWindow: 100 });
    await js.publish(name, bytes('1'), { messageId: 'a' });
    await world().pass(500);
    expect(await js.publish(name, bytes('1'), { messageId: 'a' })).toEqual({ sequence: 2, duplicate: false });
  });
}

function expecting(world: () => NatsWorld): void {
  const open = opener(world);
  it('stores only where the last sequence is the expected one', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    expect((await js.publish(name, bytes('1'), { expectLastSequence: 0 })).sequence).toBe(1);
    await expect(js.publish(name, bytes('2'), { expectLastSequence: 0 })).rejects.toMatchObject({
      code: 'nats.wrong-last-sequence',
    });
    await expect(js.publish(name, bytes('2'), { expectLastSequence: 2 })).rejects.toMatchObject({
      code: 'nats.wrong-last-sequence',
    });
    expect((await js.publish(name, bytes('2'), { expectLastSequence: 1 })).sequence).toBe(2);
    await js.purgeBefore(name, 3);
    expect((await js.publish(name, bytes('3'), { expectLastSequence: 2 })).sequence).toBe(3);
  });

  it('has only one of two writers win who expect the same sequence', async () => {
    const [one, two] = [await open(), await open()];
    await one.js.ensureStream({ name: one.name, subjects: [one.name] });
    const outcomes = await Promise.allSettled(
      [one.js, two.js, one.js, two.js].map((js) => js.publish(one.name, bytes('x'), { expectLastSequence: 0 })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await one.js.streamState(one.name)).toMatchObject({ messages: 1 });
  });
}

function bounds(world: () => NatsWorld): void {
  const open = opener(world);
  it('refuses what does not fit where `discard` says new, and lets the oldest go where it says old', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name], maxMessages: 2, discard: 'new' });
    await fill(js, name, 1, 2);
    await expect(js.publish(name, bytes('3'))).rejects.toMatchObject({ code: 'nats.stream-full', retry: true });
    await js.purgeBefore(name, 2);
    expect((await js.publish(name, bytes('3'))).sequence).toBe(3);
    expect(await js.streamState(name)).toMatchObject({ messages: 2, firstSequence: 2, lastSequence: 3 });
    await js.ensureStream({ name, subjects: [name], maxMessages: 2, discard: 'old' });
    expect((await js.publish(name, bytes('4'))).sequence).toBe(4);
    expect(await js.streamState(name)).toMatchObject({ messages: 2, firstSequence: 3, lastSequence: 4 });
  });

  it('bounds bytes', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name], maxBytes: 10_000, discard: 'new' });
    const fits = async (): Promise<number> => {
      for (let count = 0; ; count += 1) {
        try {
          await js.publish(name, new Uint8Array(1_000));
        } catch (error) {
          expect(error).toMatchObject({ code: 'nats.stream-full' });
          return count;
        }
      }
    };
    const count = await fits();
    expect(count).toBeGreaterThanOrEqual(8);
    expect(count).toBeLessThanOrEqual(10);
    const state = await js.streamState(name);
    expect(state?.bytes).toBeGreaterThanOrEqual(count * 1_000);
    expect(state?.bytes).toBeLessThanOrEqual(10_000);
  });
}

function ages(world: () => NatsWorld): void {
  const open = opener(world);
  it('lets messages go that have grown old', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name], maxAge: 300 });
    await fill(js, name, 1, 3);
    await passUntil(world(), async () => (await js.streamState(name))?.messages === 0);
    expect(await js.streamState(name)).toMatchObject({ messages: 0, firstSequence: 4, lastSequence: 3 });
    expect((await js.publish(name, bytes('4'))).sequence).toBe(4);
  });

  it('purges what comes before a sequence', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 9);
    await js.purgeBefore(name, 1);
    expect(await js.streamState(name)).toMatchObject({ messages: 9, firstSequence: 1 });
    await js.purgeBefore(name, 4);
    expect(await js.streamState(name)).toMatchObject({ messages: 6, firstSequence: 4, lastSequence: 9 });
    expect(await js.message(name, 3)).toBeUndefined();
    await js.purgeBefore(name, 10);
    expect(await js.streamState(name)).toMatchObject({ messages: 0, firstSequence: 10, lastSequence: 9 });
    expect((await js.publish(name, bytes('10'))).sequence).toBe(10);
  });
}

function reading(world: () => NatsWorld): void {
  const open = opener(world);
  it('reads from the beginning, in order, and waits for what comes', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [`${name}.*`] });
    await fill(js, `${name}.a`, 1, 50);
    const reader = await js.read(name);
    expect((await take(reader, 50)).map(({ sequence }) => sequence)).toEqual(numbers(1, 50));
    expect(reader.pending).toBe(0);
    const next = reader.next();
    await js.publish(`${name}.b`, bytes('late'), { headers: { Key: 'v' } });
    const message = await next;
    expect(message).toMatchObject({ subject: `${name}.b`, sequence: 51 });
    expect([text(message?.data), message?.headers.Key]).toEqual(['late', 'v']);
    expect(Math.abs((message?.time ?? 0) - world().now())).toBeLessThan(10_000);
    const last = reader.next();
    reader.close();
    expect(await last).toBeUndefined();
    expect(await reader.next()).toBeUndefined();
  });
}

function places(world: () => NatsWorld): void {
  const open = opener(world);
  it('reads from a sequence, also one that is not there yet, and one that is there no more', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 9);
    await js.purgeBefore(name, 4);
    for (const [start, first] of [
      [7, 7],
      [2, 4],
      [0, 4],
    ] as const) {
      const reader = await js.read(name, { startSequence: start });
      expect((await reader.next())?.sequence).toBe(first);
      reader.close();
    }
    const reader = await js.read(name, { startSequence: 11 });
    const next = reader.next();
    await fill(js, name, 10, 12);
    expect((await next)?.sequence).toBe(11);
    reader.close();
  });

  it('reads from a time', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 3);
    await world().pass(100);
    const start = world().now();
    await world().pass(20);
    await fill(js, name, 4, 5);
    const reader = await js.read(name, { startTime: start });
    expect((await take(reader, 2)).map(({ sequence }) => sequence)).toEqual([4, 5]);
    reader.close();
  });
}

function selecting(world: () => NatsWorld): void {
  const open = opener(world);
  it('reads only the subjects asked for', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [`${name}.>`] });
    for (let index = 1; index <= 12; index += 1) await js.publish(`${name}.${index % 3}.x`, bytes(String(index)));
    const reader = await js.read(name, { filter: `${name}.1.*` });
    expect((await take(reader, 4)).map(({ sequence }) => sequence)).toEqual([1, 4, 7, 10]);
    const next = reader.next();
    await js.publish(`${name}.2.x`, bytes(''));
    await js.publish(`${name}.1.y`, bytes(''));
    expect((await next)?.sequence).toBe(14);
    reader.close();
  });

  it('reads more than may wait unread, and single messages larger than that', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    const lengths = numbers(1, 60).map((index) => (index % 13 === 7 ? 100_000 : 3_000 + index));
    for (const length of lengths) await js.publish(name, new Uint8Array(length));
    const reader = await js.read(name, { maxBytes: 20_000 });
    expect((await take(reader, 60)).map(({ data }) => data.length)).toEqual(lengths);
    reader.close();
  });
}

function readers(world: () => NatsWorld): void {
  const open = opener(world);
  it('lets several read on their own', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 20);
    const readers = await Promise.all([1, 5, 9].map((startSequence) => js.read(name, { startSequence })));
    const taken = await Promise.all(readers.map((reader, index) => take(reader, 20 - index * 4)));
    expect(taken.map((messages) => messages[0]?.sequence)).toEqual([1, 5, 9]);
    for (const messages of taken) expect(messages.at(-1)?.sequence).toBe(20);
    for (const reader of readers) reader.close();
  });
}

function gone(world: () => NatsWorld): void {
  const open = opener(world);
  it('says that a stream is not there, or no longer', async () => {
    const { js, name } = await open();
    await expect(js.read(name)).rejects.toMatchObject({ code: 'nats.no-stream' });
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 2);
    const reader = await js.read(name);
    await take(reader, 2);
    const next = reader.next().catch((error) => error);
    await js.deleteStream(name);
    expect(await next).toMatchObject({ code: 'nats.no-stream' });
    await expect(reader.next()).rejects.toMatchObject({ code: 'nats.no-stream' });
  });

  it('says that a stream was made again under its reader', async () => {
    const { js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 2);
    const reader = await js.read(name);
    await take(reader, 2);
    const next = reader.next().catch((error) => error);
    await js.deleteStream(name);
    await js.ensureStream({ name, subjects: [name] });
    await fill(js, name, 1, 5);
    expect(await next).toMatchObject({ code: 'nats.stream-went-back' });
  });
}

function refusing(world: () => NatsWorld): void {
  const open = opener(world);
  it('refuses a publication larger than the server takes', async () => {
    const { nats, js, name } = await open();
    await js.ensureStream({ name, subjects: [name] });
    const { maxPayload } = nats.info;
    await expect(js.publish(name, new Uint8Array(maxPayload + 1))).rejects.toMatchObject({
      code: 'nats.payload-too-large',
    });
    await expect(js.publish('a b', bytes(''))).rejects.toMatchObject({ code: 'nats.subject' });
  });

  it('knows no domain that is not there', async () => {
    const far = (await open()).nats.jetstream('nowhere');
    await expect(far.streamState('X')).rejects.toMatchObject({ code: 'nats.no-jetstream', retry: true });
  });
}

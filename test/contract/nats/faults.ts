/** What is lost and what is not, when connections are cut, the server is killed, or it comes back with an older disk. */
import { expect, it } from 'vitest';
import type { Change, Nats, Status } from '../../../engine/nats/nats.ts';
import { bytes, Collected, fresh, type NatsWorld, surely, text } from './world.ts';

function statuses(nats: Nats): Collected<Status> {
  const seen = new Collected<Status>();
  nats.onStatus(seen.add);
  return seen;
}

export function faultContract(world: () => NatsWorld): void {
  for (const part of [lostConnections, lostMessages, readingOn, killedServers, olderDisks]) part(world);
}

function lostConnections(world: () => NatsWorld): void {
  it('tells that the connection is lost and found, and drops what is published between', async () => {
    const [nats, other] = [await world().connect(), await world().connect()];
    const subject = fresh('fault.lost');
    const got = new Collected<string>();
    other.subscribe(subject, ({ data }) => got.add(text(data)));
    await other.flush();
    const seen = statuses(nats);
    nats.publish(subject, bytes('before'));
    await nats.flush();
    await world().cut(nats);
    expect([nats.connected, ...seen.items]).toEqual([false, 'disconnected']);
    nats.publish(subject, bytes('between'));
    const lost = { code: 'nats.disconnected', retry: true };
    await expect(nats.request(subject, bytes(''), 60_000)).rejects.toMatchObject(lost);
    await expect(nats.flush()).rejects.toMatchObject(lost);
    await expect(nats.jetstream().streamState('X')).rejects.toMatchObject(lost);
    await world().heal(nats);
    expect([nats.connected, ...seen.items]).toEqual([true, 'disconnected', 'reconnected']);
    nats.publish(subject, bytes('after'));
    await got.atLeast(2);
    expect(got.items).toEqual(['before', 'after']);
    await Promise.all([nats.close(), other.close()]);
  });

  it('ends every call at once that waits for an answer when the connection is lost', async () => {
    const nats = await world().connect();
    const subject = fresh('fault.call');
    nats.subscribe(subject, () => undefined);
    await nats.flush();
    const call = nats.request(subject, bytes(''), 60_000).catch((error) => error);
    await nats.flush();
    await world().cut(nats);
    expect(await call).toMatchObject({ code: 'nats.disconnected' });
    await world().heal(nats);
    await nats.close();
  });
}

function lostMessages(world: () => NatsWorld): void {
  it('brings nothing that was published while a subscriber was away, and everything after', async () => {
    const [nats, other] = [await world().connect(), await world().connect()];
    const subject = fresh('fault.away');
    const got = new Collected<string>();
    nats.subscribe(`${subject}.>`, ({ data }) => got.add(text(data)));
    const closed = nats.subscribe(`${subject}.>`, () => got.add('closed'));
    await nats.flush();
    await world().cut(nats);
    closed.close();
    nats.subscribe(`${subject}.new`, ({ data }) => got.add(`new ${text(data)}`));
    other.publish(`${subject}.a`, bytes('away'));
    await other.flush();
    await world().heal(nats);
    await nats.flush();
    other.publish(`${subject}.a`, bytes('1'));
    other.publish(`${subject}.new`, bytes('2'));
    other.publish(`${subject}.a`, bytes('3'));
    await got.atLeast(4);
    expect([...got.items].sort()).toEqual(['1', '2', '3', 'new 2']);
    await Promise.all([nats.close(), other.close()]);
  });

  it('closes while it is disconnected', async () => {
    const nats = await world().connect();
    const seen = statuses(nats);
    await world().cut(nats);
    await nats.close(200);
    expect(seen.items).toEqual(['disconnected', 'closed']);
  });
}

function readingOn(world: () => NatsWorld): void {
  it('reads on after a reconnection, without a gap or a repetition', async () => {
    const [nats, other] = [await world().connect(), await world().connect()];
    const name = fresh('F');
    await nats.jetstream().ensureStream({ name, subjects: [name] });
    const write = async (from: number, to: number): Promise<void> => {
      for (let index = from; index <= to; index += 1) await other.jetstream().publish(name, bytes(String(index)));
    };
    await write(1, 20);
    const reader = await nats.jetstream().read(name, { maxBytes: 2_000 });
    const got: string[] = [];
    const reading = (async () => {
      while (got.length < 60) got.push(text((await reader.next())?.data));
    })();
    await write(21, 30);
    await world().cut(nats);
    await write(31, 50);
    await world().heal(nats);
    await write(51, 60);
    await reading;
    expect(got).toEqual(Array.from({ length: 60 }, (_, index) => String(index + 1)));
    reader.close();
    await Promise.all([nats.close(), other.close()]);
  });

  it('watches on after a reconnection and misses nothing', async () => {
    const [nats, other] = [await world().connect(), await world().connect()];
    const name = fresh('fault');
    const near = await nats.jetstream().keyValue(name);
    const far = await other.jetstream().keyValue(name);
    const values = new Map<string, string>();
    const changes = new Collected<Change>();
    let current = 0;
    await near.watch('>', {
      change: (change) => {
        if (change.value === undefined) values.delete(change.key);
        else values.set(change.key, text(change.value));
        changes.add(change);
      },
      current: () => {
        current += 1;
      },
    });
    await far.put('a', bytes('1'));
    await far.put('b', bytes('1'));
    await changes.atLeast(2);
    await world().cut(nats);
    await far.put('a', bytes('2'));
    await far.delete('b');
    await far.put('c', bytes('2'));
    await world().heal(nats);
    await far.put('end', bytes('3'));
    while (!values.has('end')) await changes.atLeast(changes.items.length + 1);
    expect([...values].sort()).toEqual([
      ['a', '2'],
      ['c', '2'],
      ['end', '3'],
    ]);
    expect(current).toBe(1);
    await Promise.all([nats.close(), other.close()]);
  });
}

function killedServers(world: () => NatsWorld): void {
  it('keeps streams, buckets and objects over a kill, and ids within their window', async () => {
    const nats = await world().connect();
    const js = nats.jetstream();
    const name = fresh('F');
    const made = await js.ensureStream({ name, subjects: [name] });
    const bucket = await js.keyValue(name);
    const objects = await js.objects(name);
    await bucket.put('a', bytes('1'));
    await objects.put('o', bytes('object'));
    await js.publish(name, bytes('1'), { messageId: 'one' });
    const subject = fresh('fault.restart');
    const got = new Collected<string>();
    nats.subscribe(subject, ({ data }) => got.add(text(data)));
    const seen = statuses(nats);
    await world().restart();
    await seen.atLeast(2);
    expect(seen.items).toEqual(['disconnected', 'reconnected']);
    nats.publish(subject, bytes('again'));
    await got.atLeast(1);
    expect(await surely(world(), () => js.publish(name, bytes('1'), { messageId: 'one' }))).toEqual({
      sequence: 1,
      duplicate: true,
    });
    expect((await js.publish(name, bytes('2'))).sequence).toBe(2);
    expect(await js.streamState(name)).toMatchObject({ created: made.created, messages: 2 });
    expect(text((await bucket.get('a'))?.value)).toBe('1');
    expect(text(await objects.get('o'))).toBe('object');
    await nats.close();
  }, 20_000);

  it('reads and watches on over a kill of the server', async () => {
    const nats = await world().connect();
    const js = nats.jetstream();
    const name = fresh('F');
    await js.ensureStream({ name, subjects: [name] });
    const bucket = await js.keyValue(name);
    const log = new Collected<string>();
    await bucket.watch('>', { change: ({ value }) => log.add(text(value)) });
    const reader = await js.read(name);
    const got: string[] = [];
    const reading = (async () => {
      while (got.length < 30) got.push(text((await reader.next())?.data));
    })();
    let restarting: Promise<void> | undefined;
    for (let index = 1; index <= 30; index += 1) {
      const data = bytes(String(index));
      await surely(world(), () => js.publish(name, data, { messageId: `m${index}` }));
      if (index === 10) restarting = world().restart();
    }
    await restarting;
    await surely(world(), () => bucket.put('a', bytes('end')));
    await reading;
    await log.atLeast(1);
    expect(got).toEqual(Array.from({ length: 30 }, (_, index) => String(index + 1)));
    expect(log.items.at(-1)).toBe('end');
    await nats.close();
  }, 20_000);
}

function olderDisks(world: () => NatsWorld): void {
  it('tells a reader and a watcher of a server that came back with an older disk', async () => {
    const nats = await world().connect();
    const js = nats.jetstream();
    const name = fresh('F');
    const made = await js.ensureStream({ name, subjects: [name] });
    const bucket = await js.keyValue(name);
    await bucket.put('old', bytes('1'));
    for (let index = 1; index <= 3; index += 1) await js.publish(name, bytes(String(index)));
    // an older disk is of a server that was at rest
    const seen = statuses(nats);
    await world().restart();
    await seen.atLeast(2);
    const older = await world().backup();
    for (let index = 4; index <= 6; index += 1) {
      await surely(world(), () => js.publish(name, bytes(String(index)), { expectLastSequence: index - 1 }));
    }
    await bucket.put('new', bytes('2'));
    const values = new Map<string, string>();
    const changes = new Collected<Change>();
    await bucket.watch('>', {
      change: (change) => {
        if (change.value === undefined) values.delete(change.key);
        else values.set(change.key, text(change.value));
        changes.add(change);
      },
    });
    const reader = await js.read(name);
    for (let index = 1; index <= 6; index += 1) expect((await reader.next())?.sequence).toBe(index);
    const waiting = reader.next().catch((error) => error);
    await changes.atLeast(2);
    await world().restore(older);
    expect(await waiting).toMatchObject({ code: 'nats.stream-went-back' });
    while (values.has('new')) await changes.atLeast(changes.items.length + 1);
    expect([...values]).toEqual([['old', '1']]);
    expect(changes.items.at(-1)).toMatchObject({ key: 'new', revision: 0 });
    expect(await surely(world(), () => bucket.lastRevision())).toBe(1);
    expect(await js.streamState(name)).toMatchObject({ lastSequence: 3, created: made.created });
    await nats.close();
  }, 30_000);
}

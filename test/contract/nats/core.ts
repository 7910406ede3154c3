/** Core NATS: subjects, order, queue groups, requests, limits, closing. */
import { expect, it } from 'vitest';
import type { Message } from '../../../engine/nats/nats.ts';
import { bytes, Collected, fresh, type NatsWorld, text } from './world.ts';

export function coreContract(world: () => NatsWorld): void {
  for (const part of [messages, subjects, questions, handlers, limits, ending]) part(world);
}

function messages(world: () => NatsWorld): void {
  it('says what the server is', async () => {
    const nats = await world().connect();
    expect(nats.connected).toBe(true);
    expect(nats.info.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(nats.info.id).not.toBe('');
    expect(nats.info.jetstream).toBe(true);
    expect(nats.info.maxPayload).toBeGreaterThanOrEqual(1024);
    await nats.close();
  });

  it('brings messages whole, and in the order in which one connection has published them', async () => {
    const [from, to] = [await world().connect(), await world().connect()];
    const subject = fresh('core.order');
    const got = new Collected<Message>();
    to.subscribe(`${subject}.*`, got.add);
    await to.flush();
    for (let index = 0; index < 500; index += 1) {
      from.publish(`${subject}.${index % 3}`, bytes(String(index)), {
        headers: { Index: `${index}` },
        reply: 'answers',
      });
    }
    const messages = await got.atLeast(500);
    expect(messages.map(({ data }) => Number(text(data)))).toEqual(Array.from({ length: 500 }, (_, index) => index));
    const [, first] = messages;
    expect([first?.subject, first?.headers, first?.reply]).toEqual([`${subject}.1`, { Index: '1' }, 'answers']);
    await Promise.all([from.close(), to.close()]);
  });

  it('has no headers and no reply where none were given', async () => {
    const nats = await world().connect();
    const subject = fresh('core.bare');
    const got = new Collected<Message>();
    nats.subscribe(subject, got.add);
    nats.publish(subject, new Uint8Array(0));
    const [message] = await got.atLeast(1);
    expect([message?.headers, message?.reply, message?.data.length]).toEqual([{}, '', 0]);
    await nats.close();
  });

  it('takes the bytes of a message before publish and request return', async () => {
    const [from, to] = [await world().connect(), await world().connect()];
    const subject = fresh('core.bytes');
    const got = new Collected<string>();
    to.subscribe(subject, (message) => {
      got.add(text(message.data.subarray(0, 3)));
      if (message.reply !== '') to.publish(message.reply, message.data);
    });
    await to.flush();
    for (const length of [3, 100_000]) {
      const data = new Uint8Array(length).fill(97);
      from.publish(subject, data);
      data.fill(98);
      const answer = from.request(subject, data, 2_000);
      data.fill(99);
      expect(text((await answer).data.subarray(0, 3))).toBe('bbb');
    }
    expect(got.items).toEqual(['aaa', 'bbb', 'aaa', 'bbb']);
    await Promise.all([from.close(), to.close()]);
  });
}

function subjects(world: () => NatsWorld): void {
  it('matches one word by * and all further ones by >', async () => {
    const nats = await world().connect();
    const base = fresh('core.words');
    const got = new Collected<string>();
    for (const pattern of ['*', 'a', '*.c', 'a.*', '>', 'a.>', '*.*.d']) {
      nats.subscribe(`${base}.${pattern}`, ({ subject }) => got.add(`${pattern} ${subject.slice(base.length + 1)}`));
    }
    const ends = new Collected<string>();
    nats.subscribe(`${base}end`, ({ subject }) => ends.add(subject));
    for (const subject of ['a', 'a.b', 'a.c', 'a.b.d', 'b.c.d.e']) nats.publish(`${base}.${subject}`, bytes(''));
    nats.publish(base, bytes(''));
    nats.publish(`${base}end`, bytes(''));
    await ends.atLeast(1);
    const expected = ['* a', 'a a', '> a', '> a.b', 'a.* a.b', 'a.> a.b', '> a.c', '*.c a.c', 'a.* a.c', 'a.> a.c'];
    expected.push('> a.b.d', 'a.> a.b.d', '*.*.d a.b.d', '> b.c.d.e');
    expect([...got.items].sort()).toEqual(expected.sort());
    await nats.close();
  });

  it('gives each message to one member of a queue group, and to everybody outside', async () => {
    const clients = await Promise.all([0, 1, 2, 3].map(() => world().connect()));
    const subject = fresh('core.queue');
    const members = [0, 0, 0];
    const outside = new Collected<string>();
    const done = new Collected<string>();
    for (const [index, client] of clients.entries()) {
      const take = ({ data }: Message): void => {
        members[index] = (members[index] ?? 0) + 1;
        done.add(text(data));
      };
      if (index < 3) client.subscribe(subject, take, { queue: 'workers' });
      else client.subscribe(subject, ({ data }) => outside.add(text(data)));
      await client.flush();
    }
    for (let index = 0; index < 120; index += 1) clients[3]?.publish(subject, bytes(String(index)));
    expect(new Set(await done.atLeast(120)).size).toBe(120);
    await outside.atLeast(120);
    expect([done.items.length, outside.items.length]).toEqual([120, 120]);
    for (const count of members) expect(count).toBeGreaterThan(0);
    await Promise.all(clients.map((client) => client.close()));
  });
}

function questions(world: () => NatsWorld): void {
  it('asks and is answered', async () => {
    const [asks, answers] = [await world().connect(), await world().connect()];
    const subject = fresh('core.ask');
    answers.subscribe(subject, ({ reply, data, headers }) => answers.publish(reply, data, { headers }));
    await answers.flush();
    const answer = await asks.request(subject, bytes('hello'), 2_000, { Trace: 'a b' });
    expect([text(answer.data), answer.headers.Trace]).toEqual(['hello', 'a b']);
    const many = await Promise.all(
      Array.from({ length: 50 }, (_, index) => asks.request(subject, bytes(String(index)), 2_000)),
    );
    expect(many.map(({ data }) => text(data))).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
    await Promise.all([asks.close(), answers.close()]);
  });

  it('says at once that nobody listens, and in time that nobody answers', async () => {
    const nats = await world().connect();
    const subject = fresh('core.silence');
    await expect(nats.request(subject, bytes(''), 60_000)).rejects.toMatchObject({ code: 'nats.no-responders' });
    nats.subscribe(subject, () => undefined);
    await expect(nats.request(subject, bytes(''), 50)).rejects.toMatchObject({ code: 'nats.timeout', retry: true });
    await nats.close();
  });
}

function handlers(world: () => NatsWorld): void {
  it('calls no handler after its subscription was closed', async () => {
    const [from, to] = [await world().connect(), await world().connect()];
    const subject = fresh('core.closed');
    const got = new Collected<string>();
    const all = new Collected<string>();
    const subscription = to.subscribe(subject, ({ data }) => {
      got.add(text(data));
      if (got.items.length === 3) subscription.close();
    });
    to.subscribe(subject, ({ data }) => all.add(text(data)));
    await to.flush();
    for (let index = 0; index < 10; index += 1) from.publish(subject, bytes(String(index)));
    await all.atLeast(10);
    expect(got.items).toEqual(['0', '1', '2']);
    subscription.close();
    await Promise.all([from.close(), to.close()]);
  });

  it('reports what a handler throws and goes on', async () => {
    const nats = await world().connect();
    const subject = fresh('core.throws');
    const errors = new Collected<Error>();
    const got = new Collected<string>();
    nats.onError(errors.add);
    nats.subscribe(subject, ({ data }) => {
      if (text(data) === 'bad') throw new Error('a defect of the handler');
      got.add(text(data));
    });
    for (const data of ['bad', 'good']) nats.publish(subject, bytes(data));
    await got.atLeast(1);
    expect(errors.items.map(({ message }) => message)).toEqual(['a defect of the handler']);
    await nats.close();
  });
}

function limits(world: () => NatsWorld): void {
  it('takes a message as large as the server allows, and refuses a larger one', async () => {
    const nats = await world().connect();
    const subject = fresh('core.large');
    const got = new Collected<number>();
    nats.subscribe(subject, ({ data }) => got.add(data.length));
    const { maxPayload } = nats.info;
    const tooLarge = new Uint8Array(maxPayload + 1);
    expect(() => nats.publish(subject, tooLarge)).toThrow(
      expect.objectContaining({ code: 'nats.payload-too-large', domain: 'external' }),
    );
    await expect(nats.request(subject, tooLarge, 1_000)).rejects.toMatchObject({ code: 'nats.payload-too-large' });
    nats.publish(subject, new Uint8Array(maxPayload));
    expect(await got.atLeast(1)).toEqual([maxPayload]);
    await nats.close();
  });

  it('refuses a subject that cannot be', async () => {
    const nats = await world().connect();
    const wrong = expect.objectContaining({ code: 'nats.subject', domain: 'user' });
    for (const subject of ['', 'a b', 'a..b', '.a', 'a.', 'a\r\nPUB x 0']) {
      expect(() => nats.publish(subject, bytes(''))).toThrow(wrong);
      expect(() => nats.subscribe(subject, () => undefined)).toThrow(wrong);
    }
    await nats.close();
  });

  it('has been heard by the server when flush resolves', async () => {
    const [from, to] = [await world().connect(), await world().connect()];
    for (let round = 0; round < 20; round += 1) {
      const subject = fresh('core.flush');
      const got = new Collected<Message>();
      to.subscribe(subject, got.add);
      await to.flush();
      from.publish(subject, bytes(''));
      await got.atLeast(1);
    }
    expect(from.pendingBytes).toBeGreaterThanOrEqual(0);
    await from.flush();
    expect(from.pendingBytes).toBe(0);
    await Promise.all([from.close(), to.close()]);
  });
}

function ending(world: () => NatsWorld): void {
  it('brings what was published before it closes, then does nothing any more', async () => {
    const [from, to] = [await world().connect(), await world().connect()];
    const subject = fresh('core.close');
    const got = new Collected<string>();
    const statuses: string[] = [];
    from.onStatus((status) => statuses.push(status));
    to.subscribe(subject, ({ data }) => got.add(text(data)));
    await to.flush();
    for (let index = 0; index < 100; index += 1) from.publish(subject, bytes(String(index)));
    await Promise.all([from.close(), from.close()]);
    await got.atLeast(100);
    expect(statuses).toEqual(['closed']);
    expect(from.connected).toBe(false);
    const closed = expect.objectContaining({ code: 'nats.closed' });
    expect(() => from.publish(subject, bytes(''))).toThrow(closed);
    expect(() => from.subscribe(subject, () => undefined)).toThrow(closed);
    await expect(from.request(subject, bytes(''), 100)).rejects.toMatchObject({ code: 'nats.closed' });
    await expect(from.flush()).rejects.toMatchObject({ code: 'nats.closed' });
    await expect(from.jetstream().streamState('X')).rejects.toMatchObject({ code: 'nats.closed' });
    await to.close();
  });
}

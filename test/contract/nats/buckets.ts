/** Key-value buckets and object buckets. */
import { expect, it } from 'vitest';
import type { Change, JetStream, KeyValue } from '../../../engine/nats/nats.ts';
import { bytes, Collected, fresh, type NatsWorld, passUntil, text } from './world.ts';

const say = ({ key, value }: Change): string => `${key}=${value === undefined ? 'gone' : text(value)}`;
const WRONG = { code: 'nats.wrong-revision' };

const opener = (world: () => NatsWorld) => async (): Promise<{ js: JetStream; bucket: KeyValue; name: string }> => {
  const js = (await world().connect()).jetstream();
  const name = fresh('bucket');
  return { js, name, bucket: await js.keyValue(name) };
};

export function bucketContract(world: () => NatsWorld): void {
  for (const part of [keys, races, patterns, watching, expiry, wholeObjects]) part(world);
}

function keys(world: () => NatsWorld): void {
  const open = opener(world);
  it('keeps a value a key, and a revision', async () => {
    const { js, bucket, name } = await open();
    expect(await bucket.get('a')).toBeUndefined();
    expect(await bucket.lastRevision()).toBe(0);
    expect(await bucket.put('a', bytes('1'))).toBe(1);
    expect(await bucket.put('b.c', bytes('2'))).toBe(2);
    expect(await bucket.put('a', bytes('3'))).toBe(3);
    const entry = await bucket.get('a');
    expect([entry?.key, text(entry?.value), entry?.revision]).toEqual(['a', '3', 3]);
    expect(Math.abs((entry?.time ?? 0) - world().now())).toBeLessThan(10_000);
    expect(await bucket.lastRevision()).toBe(3);
    const again = await js.keyValue(name);
    expect(text((await again.get('b.c'))?.value)).toBe('2');
    const other = await js.keyValue(`${name}-2`);
    expect(await other.get('a')).toBeUndefined();
  });

  it('creates only where there is nothing, updates only where nothing has changed', async () => {
    const { bucket } = await open();
    const first = await bucket.create('a', bytes('1'));
    await expect(bucket.create('a', bytes('2'))).rejects.toMatchObject(WRONG);
    await expect(bucket.update('a', bytes('2'), first + 1)).rejects.toMatchObject(WRONG);
    await expect(bucket.update('new', bytes('2'), 7)).rejects.toMatchObject(WRONG);
    await bucket.put('other', bytes('x'));
    const second = await bucket.update('a', bytes('2'), first);
    await expect(bucket.update('a', bytes('3'), first)).rejects.toMatchObject(WRONG);
    await expect(bucket.delete('a', first)).rejects.toMatchObject(WRONG);
    await bucket.delete('a', second);
    expect(await bucket.get('a')).toBeUndefined();
    await expect(bucket.update('a', bytes('4'), second)).rejects.toMatchObject(WRONG);
    expect(await bucket.create('a', bytes('5'))).toBeGreaterThan(second);
    expect(text((await bucket.get('a'))?.value)).toBe('5');
  });
}

function races(world: () => NatsWorld): void {
  const open = opener(world);
  it('lets one of many win who compare and set at once', async () => {
    const one = await open();
    const clients = await Promise.all([0, 1, 2].map(() => world().connect()));
    const buckets = await Promise.all(clients.map((nats) => nats.jetstream().keyValue(one.name)));
    const created = await Promise.allSettled(buckets.map((bucket, index) => bucket.create('a', bytes(String(index)))));
    const winners = created.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(text((await one.bucket.get('a'))?.value)).toBe(String(winners[0]));
    const revision = (await one.bucket.get('a'))?.revision ?? 0;
    const updated = await Promise.allSettled(buckets.map((bucket) => bucket.update('a', bytes('u'), revision)));
    expect(updated.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('counts up without a loss when many do it by compare-and-set', async () => {
    const one = await open();
    await one.bucket.put('n', bytes('0'));
    const count = async (): Promise<void> => {
      const bucket = await (await world().connect()).jetstream().keyValue(one.name);
      for (let done = 0; done < 5; ) {
        const entry = await bucket.get('n');
        const next = bytes(String(Number(text(entry?.value)) + 1));
        const won = await bucket.update('n', next, entry?.revision ?? 0).catch((error) => {
          expect(error).toMatchObject(WRONG);
          return undefined;
        });
        if (won !== undefined) done += 1;
      }
    };
    await Promise.all([count(), count(), count()]);
    expect(text((await one.bucket.get('n'))?.value)).toBe('15');
  });
}

function patterns(world: () => NatsWorld): void {
  const open = opener(world);
  it('lists keys by pattern, without deleted ones', async () => {
    const { bucket } = await open();
    expect(await bucket.keys()).toEqual([]);
    for (const key of ['apps.a.x', 'apps.b', 'apps.c', 'sites.a=1/2_3-4']) await bucket.put(key, bytes('1'));
    await bucket.delete('apps.c');
    await bucket.delete('never.there');
    expect([...(await bucket.keys())].sort()).toEqual(['apps.a.x', 'apps.b', 'sites.a=1/2_3-4']);
    expect(await bucket.keys('apps.*')).toEqual(['apps.b']);
    expect([...(await bucket.keys('apps.>'))].sort()).toEqual(['apps.a.x', 'apps.b']);
    expect(await bucket.keys('none.*')).toEqual([]);
  });

  it('refuses keys and buckets that cannot be', async () => {
    const { js, bucket } = await open();
    for (const key of ['', 'a b', '.a', 'a.', 'a*', '>', 'ä']) {
      await expect(bucket.put(key, bytes(''))).rejects.toMatchObject({ code: 'nats.key', domain: 'user' });
      await expect(bucket.get(key)).rejects.toMatchObject({ code: 'nats.key' });
    }
    await expect(js.keyValue('a.b')).rejects.toMatchObject({ code: 'nats.bucket', domain: 'user' });
    await expect(js.objects('a b')).rejects.toMatchObject({ code: 'nats.bucket', domain: 'user' });
  });
}

function watching(world: () => NatsWorld): void {
  const open = opener(world);
  it('tells a watcher what is there, then once that this is all, then every change', async () => {
    const { bucket } = await open();
    await bucket.put('apps.a', bytes('0'));
    await bucket.put('apps.b', bytes('1'));
    await bucket.put('other', bytes('1'));
    await bucket.put('apps.a', bytes('2'));
    const log = new Collected<string>();
    const revisions: number[] = [];
    const watch = await bucket.watch('apps.*', {
      change: (change) => {
        revisions.push(change.revision);
        log.add(say(change));
      },
      current: () => log.add('current'),
    });
    await log.atLeast(3);
    await bucket.put('apps.c', bytes('3'));
    await bucket.delete('apps.b');
    await bucket.put('other', bytes('2'));
    await bucket.create('apps.b', bytes('4'));
    await log.atLeast(6);
    expect(log.items).toEqual(['apps.b=1', 'apps.a=2', 'current', 'apps.c=3', 'apps.b=gone', 'apps.b=4']);
    expect(revisions).toEqual([2, 4, 5, 6, 8]);
    watch.close();
    await bucket.put('apps.d', bytes('5'));
    await bucket.get('apps.d');
    expect(log.items).toHaveLength(6);
  });

  it('says of an empty bucket that this is all', async () => {
    const { bucket } = await open();
    const log = new Collected<string>();
    const watch = await bucket.watch('>', {
      change: (change) => log.add(say(change)),
      current: () => log.add('current'),
    });
    await log.atLeast(1);
    await bucket.put('a', bytes('1'));
    expect(await log.atLeast(2)).toEqual(['current', 'a=1']);
    watch.close();
  });
}

function expiry(world: () => NatsWorld): void {
  const open = opener(world);
  it('lets keys go after their time', async () => {
    const { js, name } = await open();
    const bucket = await js.keyValue(`${name}-ttl`, { ttl: 400 });
    await bucket.put('a', bytes('1'));
    await passUntil(world(), async () => (await bucket.get('a')) === undefined);
    expect(await bucket.keys()).toEqual([]);
    expect(await bucket.create('a', bytes('2'))).toBe(2);
  });
}

function wholeObjects(world: () => NatsWorld): void {
  it('keeps objects of several megabytes whole, and replaces them whole', async () => {
    const js = (await world().connect()).jetstream();
    const name = fresh('objects');
    const objects = await js.objects(name);
    expect(await objects.get('a')).toBeUndefined();
    const large = new Uint8Array(5_000_000).map((_, index) => index * 31 + (index >> 8));
    await objects.put('dir/a b!ü', large);
    const other = await (await world().connect()).jetstream().objects(name);
    expect(Buffer.compare((await other.get('dir/a b!ü')) ?? new Uint8Array(0), large)).toBe(0);
    const first = (await objects.written('dir/a b!ü')) ?? 0;
    await objects.put('dir/a b!ü', bytes('small'));
    expect(await other.written('dir/a b!ü')).toBeGreaterThanOrEqual(first);
    expect(await other.written('b')).toBeUndefined();
    expect(text(await other.get('dir/a b!ü'))).toBe('small');
    await objects.put('empty', new Uint8Array(0));
    expect(await other.get('empty')).toEqual(new Uint8Array(0));
    expect(await other.list()).toEqual(['dir/a b!ü', 'empty']);
    expect(await other.list('dir/')).toEqual(['dir/a b!ü']);
    const { bytes: kept } = (await js.streamState(`OBJ_${name}`)) ?? { bytes: 0 };
    expect(kept).toBeLessThan(10_000);
    await objects.delete('dir/a b!ü');
    await objects.delete('dir/a b!ü');
    expect(await other.get('dir/a b!ü')).toBeUndefined();
    expect(await other.written('dir/a b!ü')).toBeUndefined();
    expect(await other.list()).toEqual(['empty']);
  });

  it('hands out an object whole while it is replaced', async () => {
    const objects = await (await world().connect()).jetstream().objects(fresh('objects'));
    const make = (fill: number): Uint8Array => new Uint8Array(1_500_000).fill(fill);
    await objects.put('a', make(0));
    const replacing = (async () => {
      for (let round = 1; round <= 3; round += 1) await objects.put('a', make(round));
    })();
    for (let round = 0; round < 3; round += 1) {
      const data = await objects.get('a');
      expect(data?.length).toBe(1_500_000);
      expect(new Set(data).size).toBe(1);
    }
    await replacing;
    expect((await objects.get('a'))?.[0]).toBe(3);
  });
}

/** The jetstream source against real servers: places, positions, holes, streams that go back. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Source, SourceContext } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { JetStream, Nats } from '../../engine/nats/nats.ts';
import { open } from '../../index.ts';
import { type Bench, bench, openSource, sourceContext } from '../../test/kit/connectors.ts';
import { hasNats, type NatsServer, type NatsVersion, startNats } from '../../test/kit/nats-server.ts';
import { rowsOf } from '../../test/kit/tables.ts';
import { jetstream as connector } from './jetstream.ts';

const SCHEMA: Schema = { fields: [{ name: 'id', type: { kind: 'int64' }, nullable: true }] };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  describe.skipIf(!hasNats(version))(`the jetstream source, ${version} nats-server`, () => {
    let server: NatsServer;
    let nats: Nats;
    let js: JetStream;
    let setup: Bench;
    const opened: Source[] = [];
    beforeEach(async () => {
      setup = bench('');
      server = await startNats({ version });
      nats = await connectNats({ servers: server.url });
      js = nats.jetstream();
      await js.ensureStream({ name: 'R', subjects: ['r.>'] });
      for (let id = 1; id <= 10; id++) await js.publish(`r.${id % 2}`, bytes(`{"id":${id}}`));
    });
    afterEach(async () => {
      for (const source of opened.splice(0)) await source.close();
      await nats.close();
      await server.stop();
    });

    const start = async (options: object, more: Partial<SourceContext> = {}, schema = SCHEMA): Promise<Source> => {
      const given = { url: server.url, stream: 'R', ...options };
      const source = await openSource(connector, given, schema, sourceContext(setup, more));
      opened.push(source);
      return source;
    };
    const ids = async (source: Source, count = Number.POSITIVE_INFINITY): Promise<Value[]> => {
      const taken: Value[] = [];
      while (taken.length < count) {
        const batch = await source.partitions[0]?.next();
        if (batch === undefined) break;
        taken.push(...rowsOf(batch).map(([id]) => Number(id)));
      }
      return taken;
    };
    const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
    const position = (source: Source): ReadonlyMap<string, Json> => {
      const [partition] = source.partitions;
      return new Map([[partition?.name ?? '', partition?.position?.() ?? null]]);
    };

    it('begins where it is told, and ends where it is not to follow', async () => {
      expect(await ids(await start({ follow: false }))).toEqual(range(1, 10));
      expect(await ids(await start({ follow: false, start: { sequence: 8 } }))).toEqual([8, 9, 10]);
      expect(await ids(await start({ follow: false, start: 'new' }))).toEqual([]);
      expect(await ids(await start({ follow: false, subject: 'r.1' }))).toEqual([1, 3, 5, 7, 9]);
      expect(await ids(await start({ follow: false, stream: undefined, subject: 'r.0' }))).toEqual([2, 4, 6, 8, 10]);
      const eighth = (await js.message('R', 8))?.time ?? 0;
      const time = new Date(eighth).toISOString();
      expect((await ids(await start({ follow: false, start: { time } }))).slice(-3)).toEqual([8, 9, 10]);
      const fresh = await start({ start: 'new' });
      await js.publish('r.1', bytes('{"id":11}'));
      expect(await ids(fresh, 1)).toEqual([11]);
    });

    it('knows of a row where it was', async () => {
      const schema: Schema = {
        fields: [
          ...SCHEMA.fields,
          { name: 'sequence', type: { kind: 'int64' }, nullable: false },
          { name: 'subject', type: { kind: 'utf8' }, nullable: false },
          { name: 'time', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
        ],
      };
      const source = await start({ follow: false }, { attach: ['sequence', 'subject', 'time'] }, schema);
      const batch = await source.partitions[0]?.next();
      const [row] = batch === undefined ? [] : rowsOf(batch);
      expect(row?.slice(0, 3)).toEqual([1n, 1n, 'r.1']);
      expect(Math.abs(Number(row?.[3]) - Date.now())).toBeLessThan(60_000);
    });

    it('goes on from its position, past a poisoned message', async () => {
      await js.publish('r.1', bytes('poison'));
      await js.publish('r.1', bytes('{"id":12}'));
      const first = await start({ start: 'new' });
      const untouched = position(first);
      await js.publish('r.1', bytes('{"id":13}'));
      expect(await ids(await start({}, { positions: untouched }), 1)).toEqual([13]);
      const source = await start({ follow: false, start: { sequence: 10 } });
      expect(await ids(source)).toEqual([10, 12, 13]);
      expect(setup.bad).toMatchObject([{ code: 'json.bad-syntax', position: 'R/11' }]);
      await js.publish('r.1', bytes('{"id":14}'));
      expect(await ids(await start({ follow: false }, { positions: position(source) }))).toEqual([14]);
    });

    it('waits through a killed server and misses nothing', async () => {
      const source = await start({});
      expect(await ids(source, 10)).toEqual(range(1, 10));
      await server.kill();
      const reading = ids(source, 5);
      await server.restart();
      await expect.poll(() => nats.connected).toBe(true);
      for (let id = 11; id <= 15; id++) await js.publish('r.1', bytes(`{"id":${id}}`));
      expect(await reading).toEqual(range(11, 15));
    });

    it('names a hole, in the middle and at the beginning, and goes on where told to', async () => {
      await js.purgeBefore('R', 3);
      expect(await ids(await start({ follow: false }))).toEqual(range(3, 10));
      const at = position(await start({ start: { sequence: 5 }, follow: false }));
      await js.purgeBefore('R', 9);
      await expect(start({}, { positions: at })).rejects.toMatchObject({
        code: 'jetstream.hole',
        message: expect.stringContaining('messages 5 to 8 are gone'),
      });
      expect(await ids(await start({ holes: 'report', follow: false }, { positions: at }))).toEqual([9, 10]);
      expect(setup.bad).toMatchObject([{ code: 'jetstream.hole', position: 'R/5' }]);
    });

    it('refuses a stream that was made again, or went back while it was not read', async () => {
      const source = await start({ follow: false });
      await ids(source);
      const at = position(source);
      await server.kill();
      const older = await server.backup();
      await server.restart();
      await expect.poll(() => nats.connected).toBe(true);
      await js.publish('r.1', bytes('{"id":11}'));
      const later = await start({ follow: false });
      await ids(later);
      const ahead = position(later);
      await server.restore(older);
      await expect.poll(() => nats.connected).toBe(true);
      expect(await ids(await start({ follow: false }, { positions: at }))).toEqual([]);
      await expect(start({}, { positions: ahead })).rejects.toMatchObject({
        code: 'jetstream.went-back',
        message: expect.stringContaining('it ends at 10, and 11 had been read'),
      });
      await js.deleteStream('R');
      await js.ensureStream({ name: 'R', subjects: ['r.>'] });
      await expect(start({}, { positions: at })).rejects.toMatchObject({ code: 'jetstream.went-back' });
      await expect(start({ stream: 'NONE' })).rejects.toMatchObject({ code: 'jetstream.no-stream' });
    });

    it('fails by name when the stream goes back while it is read', async () => {
      const source = await start({});
      await ids(source, 10);
      const reading = source.partitions[0]?.next();
      const failed = expect(reading).rejects.toMatchObject({ code: 'jetstream.went-back' });
      await js.deleteStream('R');
      await js.ensureStream({ name: 'R', subjects: ['r.>'] });
      await js.publish('r.1', bytes('{"id":1}'));
      await failed;
    });

    it('runs its example', async () => {
      await js.deleteStream('R');
      await js.ensureStream({ name: 'READINGS', subjects: ['readings'] });
      for (const minute of ['00', '01', '02']) {
        await js.publish('readings', bytes(`{"machine":"m","at":"2026-01-01T00:${minute}:00Z","temperature":20}`));
      }
      const spec = parse(connector.example.replaceAll(/\$\{NATS_URL:-[^}]*\}/g, server.url));
      const flow = await open({ apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'x' }, spec });
      flow.start();
      await expect.poll(async () => (await js.streamState('MEANS'))?.lastSequence).toBeGreaterThan(0);
      await flow.stop();
      expect(new TextDecoder().decode((await js.message('MEANS', 1))?.data)).toContain('"mean":20');
    });
  });
}

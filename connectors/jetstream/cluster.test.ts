/** The jetstream connector on a cluster of three that loses a server in the middle: nothing lost, nothing twice, in order. */
import { expect, it } from 'vitest';
import type { Schema } from '../../engine/batch/types.ts';
import { connectNats } from '../../engine/nats/client.ts';
import { bench, openSink, openSource, sinkContext, sourceContext } from '../../test/kit/connectors.ts';
import { startNatsCluster } from '../../test/kit/nats-cluster.ts';
import { hasNats, type NatsVersion } from '../../test/kit/nats-server.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { jetstream as connector } from './jetstream.ts';

const SCHEMA: Schema = { fields: [{ name: 'id', type: { kind: 'int64' }, nullable: true }] };
const ROUNDS = 20;
const ROWS = 100;

// 2.9 takes up to 20 s to choose another leader
for (const version of ['newest'] satisfies NatsVersion[]) {
  it.skipIf(!hasNats(version))(
    `a cluster that loses a server under sink and source, ${version}`,
    async () => {
      const cluster = await startNatsCluster(version);
      const nats = await connectNats({ servers: cluster.urls });
      try {
        await nats.jetstream().ensureStream({ name: 'C', subjects: ['c'], replicas: 3 });
        const access = { url: cluster.urls };
        const context = sinkContext(bench(''), { identity: 'out', checkpointed: true, bounded: false });
        const sink = await openSink(connector, { ...access, subject: 'c' }, SCHEMA, context);
        const source = await openSource(connector, { ...access, stream: 'C' }, SCHEMA, sourceContext(bench('')));
        const seen: number[] = [];
        const reading = (async () => {
          while (seen.length < ROUNDS * ROWS) {
            const batch = await source.partitions[0]?.next();
            if (batch === undefined) return;
            for (const [id] of rowsOf(batch)) seen.push(Number(id));
          }
        })();
        for (let round = 0; round < ROUNDS; round++) {
          const rows = Array.from({ length: ROWS }, (_, row) => [BigInt(round * ROWS + row)]);
          await sink.write(build(SCHEMA, rows));
          const prepared = structuredClone(await sink.prepare?.(round, false));
          if (prepared === undefined) throw new Error('the sink prepares nothing');
          const committing = sink.commit?.(round, prepared);
          if (round === 7) await cluster.servers[1]?.kill();
          await committing;
        }
        await reading;
        expect(seen).toEqual(Array.from({ length: ROUNDS * ROWS }, (_, id) => id));
        await sink.close();
        await source.close();
      } finally {
        await nats.close();
        await cluster.stop();
      }
    },
    90_000,
  );
}

/** The jetstream source keeps the contract of sources, in every form of payload. */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { sourceContract } from '../../test/contract/connector.ts';
import { hasNats, type NatsServer, startNats } from '../../test/kit/nats-server.ts';
import { build } from '../../test/kit/tables.ts';
import { openEncoder } from '../payload/encode.ts';
import type { PayloadName } from '../payload/payload.ts';
import { jetstream as connector } from './jetstream.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'name', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
};
const ROWS: readonly (readonly Value[])[] = [
  ['a', 1.5],
  ['b', null],
  ['c, "quoted"', -2],
  ['d\nline', 1e300],
];

describe.skipIf(!hasNats())('jetstream', () => {
  let server: NatsServer;
  let nats: Nats;
  beforeAll(async () => {
    server = await startNats();
    nats = await connectNats({ servers: server.url });
  });
  afterAll(async () => {
    await nats.close();
    await server.stop();
  });

  /** A stream with the rows, and in its middle a message that is none. */
  const fill = async (format: PayloadName, poison?: string): Promise<object> => {
    const js = nats.jetstream();
    await js.deleteStream('IN');
    await js.ensureStream({ name: 'IN', subjects: ['in'] });
    const encoder = await openEncoder({ format, per: 'row', given: {} }, SCHEMA);
    const messages = encoder.encode(build(SCHEMA, ROWS), 65_536);
    for (const [index, message] of messages.entries()) {
      await js.publish('in', message);
      if (index === 1 && poison !== undefined) await js.publish('in', new TextEncoder().encode(poison));
    }
    return { url: server.url, stream: 'IN', format };
  };

  for (const format of ['json', 'ndjson', 'csv', 'arrow'] satisfies PayloadName[]) {
    sourceContract({
      title: `messages of ${format}`,
      connector,
      schema: SCHEMA,
      rows: ROWS,
      prepare: async () => ({ ...(await fill(format)), follow: false }),
      bad: {
        prepare: async () => ({ ...(await fill(format, '{')), follow: false }),
        positions: [format === 'ndjson' ? 'IN/3:1' : 'IN/3'],
      },
      waiting: async () => ({ ...(await fill(format)), start: 'new' }),
    });
  }
});

/** Key-value buckets of the simulation: the stream behind `../../../engine/nats/bucket.ts`. */
import { defined } from '../../../engine/defined.ts';
import { Bucket } from '../../../engine/nats/bucket.ts';
import { checkBucket } from '../../../engine/nats/failures.ts';
import type { KeyValue, KeyValueOptions } from '../../../engine/nats/nats.ts';
import type { JetStreamCalls } from './calls.ts';
import { openReader } from './reader.ts';

export async function openKeyValue(js: JetStreamCalls, bucket: string, options: KeyValueOptions): Promise<KeyValue> {
  checkBucket(bucket);
  const stream = `KV_${bucket}`;
  await js.ensure({
    name: stream,
    subjects: [`$KV.${bucket}.>`],
    storage: options.storage ?? 'file',
    lastOfSubject: true,
    discard: 'new',
    ...defined({ maxAge: options.ttl, maxBytes: options.maxBytes }),
  });
  return new Bucket(bucket, {
    ports: js.client.ports,
    last: (subject) => js.lastMessage(stream, subject),
    publish: async (subject, data, { headers, expectLastOfSubject: last }) => {
      const expected = last === undefined ? {} : { 'Nats-Expected-Last-Subject-Sequence': String(last) };
      return (await js.store(stream, subject, data, { headers: { ...headers, ...expected } })).sequence;
    },
    read: (wanted) => openReader(js, stream, wanted),
    lastSequence: () => js.ask(`reading ${stream}`, (server) => server.stream(stream).lastSequence),
    report: (error) => js.client.report(error),
  });
}

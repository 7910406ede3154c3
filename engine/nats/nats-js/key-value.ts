/** Key-value buckets over nats.js: the stream behind `../bucket.ts`. */

import { DiscardPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { Bucket } from '../bucket.ts';
import { checkBucket } from '../failures.ts';
import type { KeyValue, KeyValueOptions } from '../nats.ts';
import type { JetStreamCalls } from './api.ts';
import { headersOf, storedMessage } from './messages.ts';
import { openReader } from './reader.ts';
import { duplicateWindow, type WantedConfig } from './stream-config.ts';

export async function openKeyValue(calls: JetStreamCalls, bucket: string, options: KeyValueOptions): Promise<KeyValue> {
  checkBucket(bucket);
  const info = await calls.ensure(configOf(bucket, options));
  const stream = info.config.name;
  const { connection, publishPrefix } = calls;
  return new Bucket(bucket, {
    ports: connection.ports,
    last: async (subject) => storedMessage(await calls.lastOf(info, subject)),
    publish: async (subject, data, { headers, expectLastOfSubject }) => {
      const made = headers && headersOf(headers);
      const expected = defined({ headers: made, expectLastOfSubject });
      return (await calls.publish(`${publishPrefix}${subject}`, data, expected)).sequence;
    },
    read: (wanted) => openReader(calls, stream, wanted),
    lastSequence: async () => (await calls.streamInfo(stream)).state.last_seq,
    report: (error) => connection.report(error),
  });
}

function configOf(bucket: string, options: KeyValueOptions): WantedConfig {
  return {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    storage: options.storage === 'memory' ? StorageType.Memory : StorageType.File,
    max_msgs_per_subject: 1,
    max_bytes: options.maxBytes ?? -1,
    max_age: nanos(options.ttl ?? 0),
    discard: DiscardPolicy.New,
    duplicate_window: duplicateWindow(undefined, options.ttl),
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: true,
    ...defined({ num_replicas: options.replicas }),
  };
}

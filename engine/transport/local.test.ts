/** Local channels between real worker threads. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { Told } from '../../test/contract/transport.ts';
import type { ChannelWorkerData, ChannelWorkerReport } from '../../test/kit/channel-worker.ts';
import { LocalBroker, LocalTransport } from './local.ts';

const address = { namespace: 'default', app: 'shop', channel: 'a-b' };
const workers: Worker[] = [];
const broker = new LocalBroker();
const transport = new LocalTransport(broker.connect());

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

function receive(options: Partial<ChannelWorkerData> = {}): Worker {
  const port = broker.connect();
  const workerData: ChannelWorkerData = {
    port,
    address,
    epoch: 1,
    after: 0,
    stopAfter: Number.MAX_SAFE_INTEGER,
    ...options,
  };
  const worker = new Worker(new URL('../../test/kit/channel-worker.ts', import.meta.url), {
    workerData,
    transferList: [port],
  });
  workers.push(worker);
  return worker;
}

async function reportOf(worker: Worker): Promise<ChannelWorkerReport> {
  const [report] = (await once(worker, 'message')) as [ChannelWorkerReport];
  return report;
}

it('another thread takes what was sent, in order, through a ring much smaller than it', async () => {
  const reported = reportOf(receive());
  const sender = await transport.openSender(address, { epoch: 1, maxBytes: 100_000 }, new Told());
  let checksum = 0;
  let bytes = 0;
  for (let number = 0; number < 3_000; number++) {
    const payload = new Uint8Array((number * 7919) % (number % 100 === 0 ? 200_000 : 3_000)).fill(number);
    checksum = crc32(payload, checksum);
    bytes += payload.length;
    const room = sender.room();
    if (room !== undefined) await room;
    sender.send({ kind: 'batch', payload, rows: 1 });
  }
  sender.send({ kind: 'end' });
  expect(await reported).toEqual({ items: 3_001, rows: 3_000, bytes, checksum });
  await sender.drained();
  await sender.close();
});

it('a thread that dies is missed; one at a higher epoch goes on behind what was taken', async () => {
  const told = new Told();
  const sender = await transport.openSender(address, { epoch: 1, maxBytes: 100_000 }, told);
  for (let number = 1; number <= 50; number++)
    sender.send({ kind: 'batch', payload: new Uint8Array(10), rows: number });
  sender.send({ kind: 'end' });
  const first = receive({ stopAfter: 20 });
  expect(await reportOf(first)).toMatchObject({ items: 20, rows: 210 });
  await first.terminate();
  await told.hears('disconnected');
  const second = receive({ epoch: 2, after: 20 });
  expect(await reportOf(second)).toMatchObject({ items: 31, rows: 1275 - 210 });
  await told.hears('connected', 2);
  await sender.drained();
  await sender.close();
});

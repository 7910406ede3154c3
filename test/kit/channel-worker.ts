/** A worker thread with the receiving end of one local channel: takes items up to the end, or up to `stopAfter`, and says what they were. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { LocalTransport } from '../../engine/transport/local.ts';
import type { ChannelAddress } from '../../engine/transport/transport.ts';

export interface ChannelWorkerData {
  readonly port: MessagePort;
  readonly address: ChannelAddress;
  readonly epoch: number;
  readonly after: number;
  /** Takes so many items and then waits to be ended. */
  readonly stopAfter: number;
}

export interface ChannelWorkerReport {
  readonly items: number;
  readonly rows: number;
  readonly bytes: number;
  /** Of all bytes, one after the other. */
  readonly checksum: number;
}

const { port, address, epoch, after, stopAfter } = workerData as ChannelWorkerData;
const transport = new LocalTransport(port);
const report = { items: 0, rows: 0, bytes: 0, checksum: 0 };

async function main(): Promise<void> {
  const events = {
    connected: () => undefined,
    disconnected: () => undefined,
    failed: (error: Error) => {
      throw error;
    },
  };
  const options = { epoch, senderEpoch: 1, maxBytes: 1 << 20, after };
  const receiver = await transport.openReceiver(address, options, events);
  while (report.items < stopAfter) {
    const item = receiver.take();
    if (item === undefined) {
      await receiver.ready();
      continue;
    }
    report.items += 1;
    if (item.kind === 'end') break;
    if (item.kind !== 'batch') continue;
    report.rows += item.rows;
    report.bytes += item.payload.length;
    report.checksum = crc32(item.payload, report.checksum);
  }
  parentPort?.postMessage(report);
}

await main();

/** The receiving process of `bench nats`. */
import process from 'node:process';
import { connect } from '@nats-io/transport-node';
import { LAYOUT_WORDS } from '../../engine/batch/batch.ts';
import { IpcDecoder } from '../../engine/batch/ipc.ts';
import { connectNats } from '../../engine/nats/client.ts';
import { realPorts } from '../../engine/ports.ts';
import { NatsTransport } from '../../engine/transport/nats.ts';
import type { Receiver } from '../../engine/transport/transport.ts';
import { type Answer, type Order, WINDOW } from './orders.ts';
import { SCHEMA } from './rows.ts';

const [servers = ''] = process.argv.slice(2);
const raw = await connect({ servers });
const nats = await connectNats({ servers });
const transport = new NatsTransport({ nats, ports: realPorts });

function answer(message: Answer): void {
  process.send?.(message);
}

async function listen(order: Order): Promise<void> {
  if (order.variant === 'raw') await listenRaw(order);
  else if (order.variant === 'json') await listenJson(order);
  else await receive(order);
}

async function listenRaw({ id, count, rows }: Order): Promise<void> {
  let left = count;
  const subscription = raw.subscribe(`raw.${id}`, {
    callback: (error, message) => {
      if (error !== null || message.data.length === 0) throw error ?? new Error('an empty message');
      left -= 1;
      if (left > 0) return;
      subscription.unsubscribe();
      answer({ kind: 'done', id, rows: rows * count });
    },
  });
  await raw.flush();
  answer({ kind: 'ready', id });
}

async function listenJson({ id, count }: Order): Promise<void> {
  let left = count;
  let sum = 0;
  const subscription = raw.subscribe(`json.${id}`, {
    callback: (error, message) => {
      if (error !== null) throw error;
      sum += message.json<{ value: number }>().value;
      left -= 1;
      if (left > 0) return;
      subscription.unsubscribe();
      if (!(sum >= 0)) throw new Error('rows without values');
      answer({ kind: 'done', id, rows: count });
    },
  });
  await raw.flush();
  answer({ kind: 'ready', id });
}

async function receive(order: Order): Promise<void> {
  const events = { connected: () => undefined, disconnected: () => undefined, failed: (error: Error) => abort(error) };
  const address = { namespace: 'bench', app: 'nats', channel: `c${order.id}` };
  const receiver = await transport.openReceiver(address, { epoch: 1, senderEpoch: 1, maxBytes: WINDOW }, events);
  await nats.flush();
  answer({ kind: 'ready', id: order.id });
  const latencies: number[] = [];
  const rows = await takeAll(receiver, order.variant === 'latency' ? latencies : undefined);
  answer({ kind: 'done', id: order.id, rows, ...(order.variant === 'latency' ? { latencies } : {}) });
  // the sender hears that all has been taken before this end is gone
  await nats.flush();
  await receiver.close();
}

/** Takes up to the end; `latencies` gets the milliseconds of every row. */
async function takeAll(receiver: Receiver, latencies: number[] | undefined): Promise<number> {
  const decoder = new IpcDecoder(SCHEMA);
  let rows = 0;
  for (;;) {
    const item = receiver.take();
    if (item === undefined) await receiver.ready();
    else if (item.kind === 'end') return rows;
    else if (item.kind === 'batch') {
      const batch = decoder.decode(item.payload);
      rows += batch.rows;
      if (latencies === undefined) continue;
      const now = process.hrtime.bigint();
      const { body, layout } = batch;
      // the values of the second column: created, in nanoseconds of the clock that all processes share
      const at = layout[LAYOUT_WORDS + 3] ?? 0;
      const view = new DataView(body.buffer, body.byteOffset + at);
      for (let row = 0; row < batch.rows; row++) {
        latencies.push(Number(now - view.getBigInt64(row * 8, true)) / 1e6);
      }
    }
  }
}

function abort(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}

process.on('message', (order: Order) => void listen(order).catch(abort));
process.on('disconnect', () => process.exit(0));
process.send?.('up');

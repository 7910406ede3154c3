/** The sending process of `bench nats`. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { IpcEncoder } from '../../engine/batch/ipc.ts';
import { connectNats } from '../../engine/nats/client.ts';
import { realPorts } from '../../engine/ports.ts';
import { NatsTransport } from '../../engine/transport/nats.ts';
import type { Sender } from '../../engine/transport/transport.ts';
import { type Order, WINDOW } from './orders.ts';
import { jsonRow, SCHEMA, sample } from './rows.ts';

/** Bytes after which the plain client waits for the server, so that neither side runs out of memory. */
const FLUSH = 2 * 1024 * 1024;
const SECONDS = 3;

const [servers = ''] = process.argv.slice(2);
const raw = await connect({ servers });
const nats = await connectNats({ servers });
const transport = new NatsTransport({ nats, ports: realPorts });

async function send(order: Order): Promise<void> {
  if (order.variant === 'raw') await sendRaw(order);
  else if (order.variant === 'json') await sendJson(order);
  else await sendChannel(order);
}

/** The same bytes, encoded once: nothing but nats.js. */
async function sendRaw({ id, count, rows }: Order): Promise<void> {
  const payload = new Uint8Array(new IpcEncoder(SCHEMA).encode(sample(rows)));
  let pending: Promise<void> | undefined;
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    raw.publish(`raw.${id}`, payload);
    bytes += payload.length;
    if (bytes < FLUSH) continue;
    bytes = 0;
    // two flushes under way: the line is never empty while waiting
    await pending;
    pending = raw.flush();
  }
  await raw.flush();
}

async function sendJson({ id, count }: Order): Promise<void> {
  let bytes = 0;
  for (let row = 0; row < count; row++) {
    const text = JSON.stringify(jsonRow(row));
    raw.publish(`json.${id}`, text);
    bytes += text.length;
    if (bytes < FLUSH) continue;
    bytes = 0;
    await raw.flush();
  }
  await raw.flush();
}

async function sendChannel(order: Order): Promise<void> {
  const events = { connected: () => undefined, disconnected: () => undefined, failed: (error: Error) => abort(error) };
  const address = { namespace: 'bench', app: 'nats', channel: `c${order.id}` };
  const sender = await transport.openSender(address, { epoch: 1, maxBytes: WINDOW }, events);
  if (order.variant === 'latency') await sendPaced(sender, order);
  else await sendBatches(sender, order);
  sender.send({ kind: 'end' });
  await sender.drained();
  await sender.close();
}

async function sendBatches(sender: Sender, { rows, count }: Order): Promise<void> {
  const batch = sample(rows);
  const encoder = new IpcEncoder(SCHEMA);
  for (let index = 0; index < count; index++) {
    const room = sender.room();
    if (room !== undefined) await room;
    sender.send({ kind: 'batch', payload: encoder.prepare(batch), rows });
    sender.send({ kind: 'watermark', time: BigInt(index), idle: false });
  }
}

/** Rows as a source makes them: one every so often, each stamped when it was due, handed on when the first has waited for `linger`. */
async function sendPaced(sender: Sender, { rate, linger }: Order): Promise<void> {
  const builder = new BatchBuilder(SCHEMA);
  const encoder = new IpcEncoder(SCHEMA);
  const [key, at, value] = builder.columns;
  const begin = Number(process.hrtime.bigint());
  const total = rate * SECONDS;
  let since = begin;
  for (let made = 0; made < total; ) {
    const now = Number(process.hrtime.bigint());
    const due = Math.min(total, Math.floor(((now - begin) / 1e9) * rate));
    if (builder.rows === 0) since = now;
    for (; made < due; made++) {
      key?.appendNumber(made % 1000);
      at?.appendNumber(Math.round(begin + (made / rate) * 1e9));
      value?.appendNumber(made);
      builder.endRow();
    }
    const waited = (Number(process.hrtime.bigint()) - since) / 1e6;
    if (builder.rows > 0 && (waited >= linger || made === total)) {
      const batch = builder.finish();
      sender.send({ kind: 'batch', payload: encoder.prepare(batch), rows: batch.rows });
    }
    await sleep(1);
  }
}

function abort(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}

process.on('message', (order: Order) => void send(order).catch(abort));
process.on('disconnect', () => process.exit(0));
process.send?.('up');

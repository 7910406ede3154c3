/**
 * A process that makes one bare call for every request, by nats.js and nothing of ours, and answers how long that took: what a round trip through the
 * server costs by itself. Arguments: server, component.
 */
import process from 'node:process';
import { connect } from '@nats-io/transport-node';
import { bareCall } from './spin.ts';

const [, , servers = '', path = ''] = process.argv;
const { own } = await bareCall(path);
const connection = await connect({ servers });
connection.subscribe('bare', {
  queue: 'q',
  callback: (error, message) => {
    if (error === null) message.respond(JSON.stringify(own()));
  },
});
await connection.flush();
process.stdout.write('answers\n');

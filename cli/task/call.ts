/** `cloudskin task call`: one request to a task, its rows on standard output. */
import process from 'node:process';
import { callTask } from '../../engine/task/remote.ts';
import type { Form } from '../../engine/task/service.ts';
import { type NatsOptions, withCluster } from '../cluster/connect.ts';
import type { Terminal } from '../output/terminal.ts';
import { durationOf } from './flags.ts';
import { readInput } from './input.ts';

export interface CallFlags extends NatsOptions {
  readonly namespace: string;
  readonly input: string;
  readonly deadline: string;
  readonly json?: boolean;
  readonly arrow?: boolean;
}

export async function call(name: string, flags: CallFlags, terminal: Terminal): Promise<void> {
  const { namespace } = flags;
  const deadline = durationOf('deadline', flags.deadline);
  const input = await readInput(flags.input);
  const accept: Form = flags.arrow === true ? 'arrow' : flags.json === true ? 'json' : 'ndjson';
  const { data, diverted } = await withCluster(flags, ({ nats }) =>
    callTask(nats, { namespace, name, ...input, accept, deadline }),
  );
  if (diverted > 0) terminal.err(`${diverted} rows were left out by operators with onError: divert\n`);
  if (accept === 'arrow') return written(data);
  const text = new TextDecoder().decode(data);
  await terminal.out(text === '' || text.endsWith('\n') ? text : `${text}\n`);
}

function written(data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

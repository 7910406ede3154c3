/** Messages and headers between nats.js and us. Headers are decoded when they are asked for: most are not. */
import type { StoredMsg } from '@nats-io/jetstream';
import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import { userError } from '../../errors.ts';
import type { Headers, Message, StoredMessage } from '../nats.ts';

const NONE: Headers = Object.freeze({});

export class ReceivedMessage implements Message {
  readonly #msg: Msg;
  #headers: Headers | undefined;

  constructor(msg: Msg) {
    this.#msg = msg;
  }

  get subject(): string {
    return this.#msg.subject;
  }

  get data(): Uint8Array {
    return this.#msg.data;
  }

  get reply(): string {
    return this.#msg.reply ?? '';
  }

  get headers(): Headers {
    this.#headers ??= recordOf(this.#msg.headers);
    return this.#headers;
  }
}

/** The last value of a key that comes more than once. */
export function recordOf(from: MsgHdrs | undefined): Headers {
  if (from === undefined) return NONE;
  const record: Record<string, string> = {};
  for (const [key, values] of from) record[key] = values.at(-1) ?? '';
  return record;
}

export function headersOf(record: Headers): MsgHdrs {
  const made = headers();
  for (const [key, value] of Object.entries(record)) {
    try {
      made.set(key, value);
    } catch (cause) {
      throw userError('nats.header', `${JSON.stringify(key)} cannot be a header with this value`, { cause });
    }
  }
  return made;
}

export function storedMessage(message: StoredMsg | null): StoredMessage | undefined {
  if (message === null) return undefined;
  return {
    subject: message.subject,
    data: message.data,
    headers: recordOf(message.header),
    sequence: message.seq,
    time: message.time.getTime(),
  };
}

/**
 * A task behind NATS: a micro-service by NATS's own protocol (ADR-32), so that `nats micro ls|info|stats` show it. Who serves one task is in one
 * queue group: a request goes to one of them. A request's data is rows (JSON, NDJSON or an Arrow stream), and so is the answer's.
 *
 *   cs.<namespace>.task.<name>         requests
 *   $SRV.<PING|INFO|STATS>[.name[.id]]
 *
 * Headers of a request: `Content-Type` (else told by the first byte), `Accept`, `Cs-Deadline` (milliseconds). Of an answer: `Content-Type`,
 * `Cs-Waited` (milliseconds in the queue), `Cs-Diverted` (rows that operators left out); of one that failed: `Nats-Service-Error-Code` (as of HTTP), `Nats-Service-Error`, `Cs-Error` (our
 * code), `Cs-Retry-After` (milliseconds, where it was shed).
 */
import type { Batch } from '../batch/batch.ts';
import { defined } from '../defined.ts';
import { CloudskinError, internalError, messageOf, userError } from '../errors.ts';
import type { Headers, Message, Nats, Subscription } from '../nats/nats.ts';
import type { Ports } from '../ports.ts';
import type { OpenedTask } from './open.ts';
import { retryAfterOf } from './task-pool.ts';

/** How rows are written in requests and answers. */
export type Form = 'json' | 'ndjson' | 'arrow';

export const CONTENT_TYPES: Readonly<Record<Form, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
};

/** Reads and writes rows; handed in, because the engine knows no formats. */
export interface TaskCodec {
  /** Batches of the task's input, in memory of their own. Rejects with `task.bad-input`. */
  decode(data: Uint8Array, form: Form): Promise<readonly Batch[]>;
  /** Batches of its result. */
  encode(batches: readonly Batch[], form: Form): Promise<Uint8Array>;
}

export interface ServiceOptions {
  readonly nats: Nats;
  readonly ports: Ports;
  readonly namespace: string;
  /** Of the task: a DNS label. */
  readonly name: string;
  readonly task: OpenedTask;
  readonly codec: TaskCodec;
  readonly version: string;
}

export interface TaskService {
  /** Takes no more requests; resolves when those taken are answered. */
  close(): Promise<void>;
}

export function taskSubject(namespace: string, name: string): string {
  return `cs.${namespace}.task.${name}`;
}

/** Names of services have no dots; names of namespaces no `_`. */
export function serviceName(namespace: string, name: string): string {
  return `${namespace}_${name}`;
}

const TYPE = 'io.nats.micro.v1';
/** Bytes of the largest message that headers may take. */
const HEADER_BYTES = 4_096;
const STATUS: Readonly<Record<string, number>> = {
  'task.bad-input': 400,
  'task.input-too-large': 413,
  'task.result-too-large': 413,
  'task.overloaded': 429,
  'task.closed': 503,
  'task.timeout': 504,
};

/** Serves a task; resolves when the server knows of it. */
export async function serveTask(options: ServiceOptions): Promise<TaskService> {
  const service = new Service(options);
  await options.nats.flush();
  return service;
}

class Service implements TaskService {
  readonly #options: ServiceOptions;
  readonly #id: string;
  readonly #started: string;
  readonly #subscriptions: Subscription[];
  readonly #answering = new Set<Promise<void>>();
  #requests = 0;
  #errors = 0;
  #lastError = '';
  #milliseconds = 0;

  constructor(options: ServiceOptions) {
    const { nats, ports, namespace, name } = options;
    this.#options = options;
    this.#id = Array.from({ length: 2 }, () => Math.floor(ports.random() * 2 ** 52).toString(36)).join('');
    this.#started = new Date(ports.now()).toISOString();
    const service = serviceName(namespace, name);
    const subjects = ['', `.${service}`, `.${service}.${this.#id}`];
    const verbs = { PING: () => this.#identity('ping'), INFO: () => this.#info(), STATS: () => this.#stats() };
    this.#subscriptions = Object.entries(verbs).flatMap(([verb, tell]) =>
      subjects.map((suffix) => nats.subscribe(`$SRV.${verb}${suffix}`, ({ reply }) => this.#tell(reply, tell()))),
    );
    const queue = { queue: 'q' };
    this.#subscriptions.push(nats.subscribe(taskSubject(namespace, name), (message) => this.#take(message), queue));
  }

  async close(): Promise<void> {
    // what the server has sent us already nobody else will answer
    await Promise.all(this.#subscriptions.map((one) => one.drain?.() ?? one.close()));
    await Promise.all(this.#answering);
  }

  #take(message: Message): void {
    const answered = this.#answer(message).finally(() => this.#answering.delete(answered));
    this.#answering.add(answered);
  }

  async #answer(message: Message): Promise<void> {
    const { ports } = this.#options;
    const began = ports.monotonic();
    this.#requests += 1;
    try {
      const { data, headers } = await this.#run(message);
      this.#reply(message, data, headers);
    } catch (error) {
      this.#errors += 1;
      this.#refuse(message, error);
    } finally {
      this.#milliseconds += ports.monotonic() - began;
    }
  }

  async #run({ data, headers }: Message): Promise<{ readonly data: Uint8Array; readonly headers: Headers }> {
    const { task, codec, nats } = this.#options;
    const form = formOf(headers['Content-Type'], data);
    const wanted = headers.Accept === undefined ? form : formOf(headers.Accept, data);
    const read = (): Promise<readonly Batch[]> => codec.decode(data, form);
    const output = await task.pool.call({ bytes: data.length, read }, deadlineOf(headers));
    const encoded = await codec.encode(output.batches, wanted);
    const most = nats.info.maxPayload - HEADER_BYTES;
    if (encoded.length > most) {
      const message = `the result is ${encoded.length} bytes, and the server takes ${most} in one message`;
      throw userError('task.result-too-large', message, { hint: 'send fewer rows a call' });
    }
    const diverted = output.errors.reduce((sum, { rows }) => sum + rows, 0);
    const told = { 'Content-Type': CONTENT_TYPES[wanted], 'Cs-Waited': output.waited.toFixed(3) };
    return { data: encoded, headers: diverted === 0 ? told : { ...told, 'Cs-Diverted': `${diverted}` } };
  }

  #refuse(message: Message, error: unknown): void {
    const known = error instanceof CloudskinError ? error : internalError('task.failed', messageOf(error));
    const { code, hint } = known;
    this.#lastError = `${code}: ${known.message}`;
    const retryAfter = retryAfterOf(known);
    const body = JSON.stringify({ code, message: known.message, ...defined({ hint, retryAfter }) });
    this.#reply(message, new TextEncoder().encode(body), {
      'Content-Type': CONTENT_TYPES.json,
      'Nats-Service-Error': oneLine(known.message),
      'Nats-Service-Error-Code': `${STATUS[code] ?? 500}`,
      'Cs-Error': code,
      ...(retryAfter === undefined ? {} : { 'Cs-Retry-After': `${retryAfter}` }),
    });
  }

  #reply({ reply }: Message, data: Uint8Array, headers: Headers): void {
    const { nats } = this.#options;
    // who asks without waiting hears nothing, and of a connection that is closed there is nobody to tell
    if (reply !== '' && nats.connected) nats.publish(reply, data, { headers });
  }

  #tell(reply: string, what: object): void {
    const { nats } = this.#options;
    if (reply !== '' && nats.connected) nats.publish(reply, new TextEncoder().encode(JSON.stringify(what)));
  }

  #identity(kind: string) {
    const { namespace, name, version, task } = this.#options;
    const { app, operator } = task.plan;
    const metadata = { namespace, app, operator };
    return { type: `${TYPE}.${kind}_response`, name: serviceName(namespace, name), id: this.#id, version, metadata };
  }

  #endpoint() {
    const { namespace, name } = this.#options;
    return { name: 'call', subject: taskSubject(namespace, name), queue_group: 'q' };
  }

  #info() {
    const { app, operator } = this.#options.task.plan;
    const description = `the operator ${operator} of ${app} as a task`;
    return { ...this.#identity('info'), description, endpoints: [{ ...this.#endpoint(), metadata: {} }] };
  }

  #stats() {
    const nanoseconds = Math.round(this.#milliseconds * 1e6);
    const endpoint = {
      ...this.#endpoint(),
      num_requests: this.#requests,
      num_errors: this.#errors,
      last_error: this.#lastError,
      processing_time: nanoseconds,
      average_processing_time: this.#requests === 0 ? 0 : Math.round(nanoseconds / this.#requests),
      data: this.#options.task.pool.stats(),
    };
    return { ...this.#identity('stats'), started: this.#started, endpoints: [endpoint] };
  }
}

/** Throws `task.bad-input` for a content type that is none of ours. */
function formOf(type: string | undefined, data: Uint8Array): Form {
  if (type === undefined || type === '*/*') return data[0] === 0xff ? 'arrow' : 'json';
  const plain = type.split(';')[0]?.trim().toLowerCase();
  for (const form of ['json', 'ndjson', 'arrow'] as const) if (CONTENT_TYPES[form] === plain) return form;
  throw userError('task.bad-input', `the content type ${type} is none of ${Object.values(CONTENT_TYPES).join(', ')}`);
}

/** Throws `task.bad-input`. */
function deadlineOf(headers: Headers): number | undefined {
  const text = headers['Cs-Deadline'];
  if (text === undefined) return undefined;
  const milliseconds = Number(text);
  if (milliseconds > 0 && Number.isFinite(milliseconds)) return milliseconds;
  throw userError('task.bad-input', `Cs-Deadline: ${text} is no number of milliseconds`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 500);
}

/**
 * The webhook: takes requests, and answers each when its rows are safe.
 *
 *   200   the rows are safe (in the journal, or, without one, taken in)
 *   400   no Idempotency-Key, where one is asked for      401        the bearer token is missing or wrong
 *   404   another path                                    405        another method than POST and PUT
 *   413   the body is larger than `maxBody`               422        the Idempotency-Key is that of another body
 *   429   too much is waiting; Retry-After says when to come back
 *   503   the dataflow stops before the rows were safe: the caller has to send them again
 *
 * A request with an Idempotency-Key may be sent again: as long as the key is remembered (keys.ts) its rows are taken once, and each time it is
 * answered when they are safe.
 */
import { timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { externalError, messageOf, userError } from '../../engine/errors.ts';
import type { Source, SourceContext } from '../../engine/graph/connector.ts';
import { type Acknowledgeable, Acknowledgements, type Remembering, remembering } from '../payload/acknowledged.ts';
import { openMessagePartition } from '../payload/partition.ts';
import { type Key, Keys, keyOf } from './keys.ts';
import type { HttpSourceOptions } from './options.ts';

const RETRY_AFTER = '1';
/** Characters that an Idempotency-Key may have. */
const LONGEST_KEY = 1024;

export async function openWebhook(options: HttpSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
  const { name } = context;
  const keys = new Keys(options.keepKeys, Number(options.keepKeysFor / 1000n));
  const remembered: Remembering = await remembering(context, name, keys);
  const webhook = new Webhook(options, context, keys);
  await webhook.listen();
  const acknowledgements = new Acknowledgements(remembered);
  const feed = acknowledgements.feed(() => webhook.next());
  const begin = Acknowledgements.begin;
  const inner = await openMessagePartition({ name, payload: options.payload, feed, begin }, schema, context);
  return { bounded: false, partitions: [acknowledgements.partition(inner)], close: () => webhook.close() };
}

/** Status and reason. */
type Answer = readonly [number, string];

/** A request with a key whose rows are not safe yet, and those that have repeated it. */
interface UnderWay {
  readonly key: Key;
  readonly responses: ServerResponse[];
}

class Webhook {
  readonly #options: HttpSourceOptions;
  readonly #context: SourceContext;
  #server: Server | undefined;
  readonly #queue: Acknowledgeable[] = [];
  /** Requests without an answer: in the queue, or on their way to safety. */
  readonly #open = new Set<ServerResponse>();
  readonly #keys: Keys;
  /** By the hash of the key. */
  readonly #underWay = new Map<string, UnderWay>();
  #queued = 0;
  #count = 0;
  #wake: (() => void) | undefined;
  #closed = false;
  readonly #onAbort: () => void = () => this.#wake?.();

  constructor(options: HttpSourceOptions, context: SourceContext, keys: Keys) {
    this.#options = options;
    this.#context = context;
    this.#keys = keys;
    context.signal.addEventListener('abort', this.#onAbort);
  }

  async listen(): Promise<void> {
    const [host, port] = splitAddress(this.#options.listen ?? ':0');
    const server = await this.#createServer();
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(port, host, done);
    }).catch((error: unknown) => {
      const reason = messageOf(error);
      throw externalError(
        'http.listen',
        `source ${this.#context.name} cannot listen on ${this.#options.listen}: ${reason}`,
      );
    });
    this.#server = server;
    const address = server.address() as AddressInfo;
    this.#context.listening?.(`${address.address}:${address.port}`);
  }

  /** The next body; undefined once the source stops. */
  async next(): Promise<Acknowledgeable | undefined> {
    for (;;) {
      if (this.#closed || this.#context.signal.aborted) return undefined;
      const request = this.#queue.shift();
      if (request !== undefined) {
        this.#queued -= request.data.length;
        return request;
      }
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
      this.#wake = undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    this.#wake?.();
    for (const response of this.#open) answer(response, 503, 'the dataflow has stopped: send again');
    const server = this.#server;
    if (server === undefined) return;
    await new Promise<void>((done) => {
      server.close(() => done());
      server.closeIdleConnections();
      setImmediate(() => server.closeAllConnections());
    });
  }

  async #createServer(): Promise<Server> {
    const { cert, key } = this.#options;
    const handler = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    if (cert === undefined || key === undefined) return createPlainServer(handler);
    const read = (path: string): Promise<Buffer> => readFile(resolve(this.#context.directory, path));
    try {
      return createTlsServer({ cert: await read(cert), key: await read(key) }, handler);
    } catch (error) {
      const reason = messageOf(error);
      throw userError('http.certificate', `source ${this.#context.name}: the certificate cannot be used: ${reason}`);
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      request.resume();
      answer(response, ...refusal);
      return;
    }
    const read = await this.#read(request).catch((): { refusal: Answer } => ({ refusal: [400, 'the body broke off'] }));
    if ('body' in read) this.#accept(request, response, read.body);
    else {
      // Reading stopped in the middle: what is left of the body is not waited for.
      response.setHeader('connection', 'close');
      answer(response, ...read.refusal);
    }
  }

  #refusal(request: IncomingMessage): Answer | undefined {
    const { path, token, maxBody, queue, requireKey } = this.#options;
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== path) return [404, `rows go to ${path}`];
    if (request.method !== 'POST' && request.method !== 'PUT') return [405, 'rows are sent by POST or PUT'];
    if (token !== undefined && !isToken(request.headers.authorization, token))
      return [401, 'the bearer token is not right'];
    if (Number(request.headers['content-length'] ?? 0) > maxBody)
      return [413, `the body is larger than ${maxBody} bytes`];
    const key = keyText(request);
    if (key === undefined && requireKey) return [400, 'the header Idempotency-Key is missing'];
    if (key !== undefined && (key === '' || key.length > LONGEST_KEY))
      return [400, `an Idempotency-Key has 1 to ${LONGEST_KEY} characters`];
    if (this.#closed || this.#context.signal.aborted) return [503, 'the dataflow is stopping'];
    if (this.#queued >= queue) return [429, 'too much is waiting: come back later'];
    return undefined;
  }

  /** The body, which counts as waiting from its first byte on; or the answer where it is too large, or far too much is waiting. */
  async #read(request: IncomingMessage): Promise<{ readonly body: Buffer } | { readonly refusal: Answer }> {
    const { maxBody, queue } = this.#options;
    const pieces: Buffer[] = [];
    let length = 0;
    let refusal: Answer | undefined;
    try {
      for await (const piece of request) {
        pieces.push(piece as Buffer);
        length += (piece as Buffer).length;
        this.#queued += (piece as Buffer).length;
        if (length > maxBody) refusal = [413, `the body is larger than ${maxBody} bytes`];
        else if (this.#queued > queue + maxBody) refusal = [429, 'too much is waiting: come back later'];
        if (refusal !== undefined) break;
      }
    } catch (error) {
      this.#queued -= length;
      throw error;
    }
    if (refusal === undefined) return { body: Buffer.concat(pieces) };
    this.#queued -= length;
    return { refusal };
  }

  #accept(request: IncomingMessage, response: ServerResponse, data: Buffer): void {
    const text = keyText(request);
    const key = text === undefined ? undefined : keyOf(text, data);
    const pass = key === undefined ? undefined : this.#repeated(key, response);
    if (pass === 'answered') {
      this.#queued -= data.length;
      return;
    }
    this.#count += 1;
    this.#hold(response);
    this.#queue.push({
      data,
      position: `${request.method} ${request.url} ${this.#count}`,
      attached: this.#attached(request),
      acknowledge: () => this.#isSafe(response, key),
      ...(key === undefined ? {} : { note: (rows) => this.#keys.note(key, this.#now(), rows) }),
      ...(pass === undefined ? {} : { pass }),
    });
    this.#wake?.();
  }

  /** Answers a request whose key is known, now or when its rows are safe; otherwise says how many of its rows were taken before. */
  #repeated(key: Key, response: ServerResponse): 'answered' | number | undefined {
    const known = this.#keys.find(key, this.#now());
    const underWay = this.#underWay.get(key.hash);
    if ((underWay?.key.print ?? known?.print ?? key.print) !== key.print) {
      answer(response, 422, 'the Idempotency-Key is that of a request with another body');
      return 'answered';
    }
    if (underWay !== undefined) {
      underWay.responses.push(response);
      this.#hold(response);
      return 'answered';
    }
    if (known !== undefined && known.rows === undefined) {
      answer(response, 200, '');
      return 'answered';
    }
    this.#underWay.set(key.hash, { key, responses: [] });
    return known?.rows;
  }

  #isSafe(response: ServerResponse, key: Key | undefined): void {
    answer(response, 200, '');
    if (key === undefined) return;
    for (const repeated of this.#underWay.get(key.hash)?.responses ?? []) answer(repeated, 200, '');
    this.#underWay.delete(key.hash);
  }

  #hold(response: ServerResponse): void {
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
  }

  #now(): number {
    return Math.trunc(this.#context.ports.now());
  }

  #attached(request: IncomingMessage): readonly Value[] {
    const values: Readonly<Record<string, Value>> = {
      path: request.url ?? '',
      received: BigInt(this.#now()),
      peer: request.socket.remoteAddress ?? null,
    };
    return this.#context.attach.map((name) => values[name] ?? null);
  }
}

function answer(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = message === '' ? '' : `${JSON.stringify({ error: message })}\n`;
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, {
    ...headers,
    ...(status === 429 || status === 503 ? { 'retry-after': RETRY_AFTER } : {}),
  });
  response.end(body);
}

function isToken(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function splitAddress(address: string): [string | undefined, number] {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  return [host === '' ? undefined : host, Number(address.slice(at + 1))];
}

/** The header is a string in quotation marks (RFC 8941); many senders leave these away. */
function keyText(request: IncomingMessage): string | undefined {
  const header = request.headers['idempotency-key'];
  const text = (typeof header === 'string' ? header : header?.join(',')) ?? undefined;
  return text?.trim().replace(/^"(.*)"$/, '$1');
}

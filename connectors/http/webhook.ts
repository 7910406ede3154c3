/**
 * The webhook: takes requests, and answers each when its rows are safe.
 *
 *   200   the rows are safe (in the journal, in a checkpoint, or, without either, taken in)
 *   401   the bearer token is missing or wrong            404, 405   another path, another method than POST and PUT
 *   413   the body is larger than `maxBody`               429        too much is waiting; Retry-After says when to come back
 *   503   the dataflow stops before the rows were safe: the caller has to send them again
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
import { type Acknowledgeable, Acknowledgements } from '../payload/acknowledged.ts';
import { openMessagePartition } from '../payload/partition.ts';
import type { HttpSourceOptions } from './options.ts';

const RETRY_AFTER = '1';

export async function openWebhook(options: HttpSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
  const webhook = new Webhook(options, context);
  await webhook.listen();
  const acknowledgements = new Acknowledgements();
  const feed = acknowledgements.feed(() => webhook.next());
  const { name } = context;
  const begin = Acknowledgements.begin;
  const inner = await openMessagePartition({ name, payload: options.payload, feed, begin }, schema, context);
  return { bounded: false, partitions: [acknowledgements.partition(inner)], close: () => webhook.close() };
}

/** Status and reason. */
type Answer = readonly [number, string];

interface Request extends Acknowledgeable {
  readonly response: ServerResponse;
}

class Webhook {
  readonly #options: HttpSourceOptions;
  readonly #context: SourceContext;
  #server: Server | undefined;
  readonly #queue: Request[] = [];
  /** Requests without an answer: in the queue, or on their way to safety. */
  readonly #open = new Set<ServerResponse>();
  #queued = 0;
  #count = 0;
  #wake: (() => void) | undefined;
  #closed = false;
  readonly #onAbort: () => void = () => this.#wake?.();

  constructor(options: HttpSourceOptions, context: SourceContext) {
    this.#options = options;
    this.#context = context;
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
  async next(): Promise<Request | undefined> {
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
    const { path, token, maxBody, queue } = this.#options;
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== path) return [404, `rows go to ${path}`];
    if (request.method !== 'POST' && request.method !== 'PUT') return [405, 'rows are sent by POST or PUT'];
    if (token !== undefined && !isToken(request.headers.authorization, token))
      return [401, 'the bearer token is not right'];
    if (Number(request.headers['content-length'] ?? 0) > maxBody)
      return [413, `the body is larger than ${maxBody} bytes`];
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
    this.#count += 1;
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
    this.#queue.push({
      data,
      position: `${request.method} ${request.url} ${this.#count}`,
      attached: this.#attached(request),
      response,
      acknowledge: () => answer(response, 200, ''),
    });
    this.#wake?.();
  }

  #attached(request: IncomingMessage): readonly Value[] {
    const values: Readonly<Record<string, Value>> = {
      path: request.url ?? '',
      received: BigInt(Math.trunc(this.#context.ports.now())),
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

/** The HTTP endpoint that Prometheus scrapes: `--metrics HOST:PORT`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { externalError, messageOf, userError } from '../../engine/errors.ts';
import type { Sample } from '../../engine/metrics/samples.ts';
import { Prometheus } from './prometheus.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = '127.0.0.1';

/** `9464`, `:9464`, `0.0.0.0:9464`, `[::1]:9464`; loopback unless a host is given, because whoever reaches it may read it. Throws `metrics.bad-address`. */
export function parseAddress(text: string): Address {
  const found = /^(?:(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[A-Za-z0-9._-]*)):)?(?<port>\d{1,5})$/.exec(text);
  const { v6, host = '', port = '65536' } = found?.groups ?? {};
  if (Number(port) <= 65_535) return { host: v6 ?? (host === '' ? LOOPBACK : host), port: Number(port) };
  throw userError('metrics.bad-address', `--metrics ${text}: expected HOST:PORT or a port`, {
    hint: 'for example --metrics 9464, or --metrics 0.0.0.0:9464 for all addresses of this machine',
  });
}

export interface MetricsServer {
  /** `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Answers with the samples of the moment. Rejects with `metrics.cannot-listen`. */
export async function serveMetrics(address: Address, samples: () => readonly Sample[]): Promise<MetricsServer> {
  const prometheus = await Prometheus.load();
  const server = createServer((request, response) => void answer(request, response, prometheus, samples));
  const { port } = await listen(server, address);
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { url = '/', method }: IncomingMessage,
  response: ServerResponse,
  prometheus: Prometheus,
  samples: () => readonly Sample[],
): Promise<void> {
  if (url.split('?')[0] !== '/metrics') return say(response, 404, 'there is /metrics only\n');
  if (method !== 'GET' && method !== 'HEAD') return say(response, 405, 'GET it\n');
  try {
    const { contentType, text } = await prometheus.expose(samples);
    response.writeHead(200, { 'content-type': contentType }).end(method === 'HEAD' ? undefined : text);
  } catch (error) {
    say(response, 500, `${messageOf(error)}\n`);
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

function listen(server: Server, { host, port }: Address): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE' ? 'something else listens there' : cause.message;
      reject(externalError('metrics.cannot-listen', `--metrics ${host}:${port}: ${taken}`, { cause }));
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/** A collector of OpenTelemetry as far as tests need one: takes traces over OTLP/HTTP as JSON and keeps them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Collected {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** Of the span. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** `service.instance.id` of who sent it. */
  readonly instance: unknown;
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Collected, 'attributes' | 'instance'> & { readonly attributes: KeyValue[] })[];
    }[];
  }[];
}

export interface Collector {
  readonly url: string;
  readonly spans: readonly Collected[];
  readonly paths: ReadonlySet<string>;
  /** Resolves when `test` is true of what has come. */
  until(test: (spans: readonly Collected[]) => boolean, within?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: Collected[] = [];
  const paths = new Set<string>();
  let changed = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    paths.add(request.url ?? '');
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      spans.push(...spansOf(JSON.parse(Buffer.concat(parts).toString('utf8')) as Body));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      changed.resolve();
      changed = Promise.withResolvers();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    paths,
    async until(test, within = 15_000) {
      const end = AbortSignal.timeout(within);
      const late = new Promise<void>((resolve) => end.addEventListener('abort', () => resolve()));
      while (!test(spans)) {
        if (end.aborted) throw new Error(`not within ${within} ms: ${JSON.stringify(spans.map(({ name }) => name))}`);
        await Promise.race([changed.promise, late]);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function spansOf({ resourceSpans }: Body): Collected[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const instance = plain(resource.attributes)['service.instance.id'];
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, attributes: plain(span.attributes), instance })),
    );
  });
}

function plain(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** Traces: of a run, across two agents, and what is said where they cannot be had. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openTraces, traceTarget } from '../../cli/observe/traces.ts';
import { cloudskin, scratch } from '../cli/command.ts';
import { Continuum } from '../cluster/processes.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type Collected, type Collector, startCollector } from './collector.ts';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 3000, rows: 2000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
    halves: { from: twice, select: { id: id, half: id / 2 } }
  sinks:
    out: { from: halves, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, halves: { tier: cloud }, out: { tier: cloud } }
`;

let collector: Collector;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(() => collector.close());

/** A trace that goes from its first span to a sink, as the names on its way there. */
function ways(spans: readonly Collected[]): readonly (readonly Collected[])[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  return spans
    .filter(({ name }) => name.startsWith('sink '))
    .map((sink) => {
      const way = [sink];
      for (let at = byId.get(sink.parentSpanId ?? ''); at !== undefined; at = byId.get(at.parentSpanId ?? '')) {
        way.unshift(at);
      }
      return way;
    });
}

describe('traces of a run', () => {
  it('follow a batch from the source through the cell into the sink', async () => {
    const directory = scratch();
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const graph = join(directory, 'graph.yaml');
    writeFileSync(graph, GRAPH);
    const { status, stderr } = await cloudskin(['run', graph, '--traces', collector.url, '--trace-every', '20']);
    expect([status, stderr]).toEqual([0, expect.stringContaining('2,000 rows')]);
    expect([...collector.paths]).toEqual(['/v1/traces']);
    const [way = []] = ways(collector.spans);
    expect(way.map(({ name }) => name)).toEqual(['source rows', 'cell twice+halves', 'sink out']);
    expect(new Set(way.map(({ traceId }) => traceId)).size).toBe(1);
    for (const { startTimeUnixNano, endTimeUnixNano, attributes } of way) {
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
      expect(attributes).toMatchObject({ 'cloudskin.app': 'numbers', 'cloudskin.namespace': 'default' });
      expect(attributes['cloudskin.rows']).toBeGreaterThan(0);
    }
  });
});

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'traces across sites' : `traces across sites: ${NO_NATS.installed}`, () => {
  it('follow a batch from one agent over a channel into another', async () => {
    const continuum = await Continuum.start();
    try {
      const observed = { more: ['--traces', collector.url, '--trace-every', '50'] };
      continuum.agent({ site: 'hub', tier: 'cloud' }, observed);
      continuum.agent({ site: 'plant', tier: 'edge' }, observed);
      await continuum.ready(2);
      const graph = continuum.graph('graph.yaml', GRAPH);
      // The coordinator may not have heard of the edge yet.
      await continuum.until(async () => (await continuum.run('deploy', graph)).status === 0);
      await collector.until((spans) => ways(spans).some((way) => way.length === 5));
      const way = ways(collector.spans).find(({ length }) => length === 5) ?? [];
      expect(way.map(({ name }) => name)).toEqual([
        ...['source rows', 'cell twice', 'channel twice', 'cell halves', 'sink out'],
      ]);
      expect(way.map(({ attributes }) => attributes['cloudskin.site'])).toEqual([
        ...['plant', 'plant', 'hub', 'hub', 'hub'],
      ]);
      expect(way.map(({ instance }) => String(instance).split('/')[0])).toEqual([
        ...['plant', 'plant', 'hub', 'hub', 'hub'],
      ]);
      expect(new Set(way.map(({ traceId }) => traceId)).size).toBe(1);
      for (const { attributes } of way) {
        expect(attributes).toMatchObject({ 'cloudskin.app': 'numbers', 'cloudskin.revision': expect.anything() });
        expect(Number(attributes['cloudskin.epoch'])).toBeGreaterThan(0);
        expect(attributes['cloudskin.fragment']).toBeTypeOf('string');
      }
      expect(way[2]).toMatchObject({ kind: 5, attributes: { 'cloudskin.transport': 'nats' } });
    } finally {
      await continuum.close();
    }
  });
});

describe('what traces are asked for', () => {
  it('is nothing unless a flag or the environment says so', () => {
    expect(traceTarget({}, {})).toBeUndefined();
    expect(traceTarget({}, { OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBeUndefined();
    const url = 'http://127.0.0.1:4318/v1/traces';
    expect(traceTarget({ traces: 'http://127.0.0.1:4318' }, {})).toEqual({ url, every: 1_000, demanded: true });
    expect(traceTarget({ traces: url, traceEvery: '5' }, {})).toEqual({ url, every: 5, demanded: true });
    expect(traceTarget({}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318/' })).toMatchObject({
      url,
      demanded: false,
    });
  });

  it('is refused by name where it is wrong', () => {
    expect(() => traceTarget({ traces: 'collector:4318' }, {})).toThrow('expected an http or https URL');
    expect(() => traceTarget({ traces: 'http://a', traceEvery: '0' }, {})).toThrow('expected a whole number');
  });

  it('names what to install where it is missing: an error of the flag, a warning of the environment', async () => {
    const warnings: string[] = [];
    const options = {
      instance: 'x',
      version: '0',
      warn: (message: string) => void warnings.push(message),
      load: () => Promise.reject(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })),
    };
    const target = { url: 'http://127.0.0.1:1', every: 1, demanded: true };
    await expect(openTraces(target, options)).rejects.toMatchObject({
      code: 'traces.not-installed',
      hint: expect.stringContaining('@opentelemetry/exporter-trace-otlp-http'),
    });
    expect(await openTraces({ ...target, demanded: false }, options)).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('npm install @opentelemetry/api')]);
  });

  it('says once that a collector does not answer', async () => {
    await collector.close();
    const warned = Promise.withResolvers<string>();
    const target = { url: `${collector.url}/v1/traces`, every: 1, demanded: true };
    const traces = await openTraces(target, { instance: 'x', version: '0', warn: warned.resolve });
    const ids = { trace: 'a'.repeat(32), span: 'b'.repeat(16) };
    traces?.emit({ ...ids, name: 'source x', kind: 'internal', start: 1, end: 2, attributes: {} });
    await traces?.close();
    expect(await warned.promise).toContain('traces cannot be sent to');
    collector = await startCollector();
  });
});

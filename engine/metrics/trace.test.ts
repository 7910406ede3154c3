/** Spans: which batches are followed, what is a part of what, and what goes along over a channel. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { type Span, Tracer } from './trace.ts';

class Ports extends ManualPorts {
  #count = 0;

  override random(): number {
    this.#count += 1;
    return (this.#count % 1000) / 1000;
  }
}

function tracing(every = 1) {
  const ports = new Ports();
  const spans: Span[] = [];
  const tracer = new Tracer({ every, emit: (span) => spans.push(span) }, ports, { 'cloudskin.site': 'plant' });
  return { ports, spans, tracer };
}

describe('a tracer', () => {
  it('follows one batch in so many of each source, the first among them', () => {
    const { tracer, spans } = tracing(3);
    for (let count = 1; count <= 7; count++) tracer.root(count, `batch ${count}`, 1)?.end();
    expect(spans.map(({ name }) => name)).toEqual(['batch 1', 'batch 4', 'batch 7']);
    expect(new Set(spans.map(({ trace }) => trace)).size).toBe(3);
  });

  it('makes what runs inside a part of what it runs in, and nothing of what runs outside', async () => {
    const { tracer, spans, ports } = tracing();
    expect(tracer.part('outside', 1)).toBeUndefined();
    const source = tracer.root(1, 'source', 100);
    const cell = tracer.part('cell', 100);
    await ports.advance(5);
    const sink = tracer.part('sink', 50);
    sink?.leave();
    cell?.end();
    source?.end();
    expect(tracer.current).toBeUndefined();
    await ports.advance(10);
    sink?.end(new Error('disk full'));
    const [of, its, own] = [spans.find(({ name }) => name === 'source'), spans[0], spans.at(-1)];
    expect(of).toMatchObject({ kind: 'internal', attributes: { 'cloudskin.site': 'plant', 'cloudskin.rows': 100 } });
    expect(of?.parent).toBeUndefined();
    expect(its).toMatchObject({ name: 'cell', parent: of?.span, trace: of?.trace });
    expect((its?.end ?? 0) - (its?.start ?? 0)).toBe(5);
    expect(own).toMatchObject({ name: 'sink', parent: its?.span, error: 'disk full' });
    expect((own?.end ?? 0) - (own?.start ?? 0)).toBe(10);
  });

  it('tells of the way over a channel, and goes on behind it', async () => {
    const above = tracing();
    const below = tracing();
    const source = above.tracer.root(1, 'source', 10);
    const header = above.tracer.header() ?? '';
    source?.end();
    expect(header).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01 cloudskin=/);
    await below.ports.advance(40);
    const received = below.tracer.adopt(header, 'channel rows', { 'cloudskin.rows': 10 });
    below.tracer.part('cell', 10)?.end();
    received?.leave();
    expect(below.tracer.current).toBeUndefined();
    const [channel, cell] = below.spans;
    const [root] = above.spans;
    expect(channel).toMatchObject({ kind: 'consumer', trace: root?.trace, parent: root?.span });
    expect((channel?.end ?? 0) - (channel?.start ?? 0)).toBeCloseTo(40, 2);
    expect(cell).toMatchObject({ trace: root?.trace, parent: channel?.span });
  });

  it('never makes a way shorter than nothing, whatever the clocks say', () => {
    const { tracer, spans } = tracing();
    tracer.adopt(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01 cloudskin=9999999999999.5`, 'channel', {})?.end();
    expect(spans[0]?.end).toBe(spans[0]?.start);
  });

  it.each(['', '00-1-2-01', `00-${'g'.repeat(32)}-${'b'.repeat(16)}-01 cloudskin=1`, 'x'.repeat(60_000)])(
    'makes nothing of what is no header of ours',
    (header) => {
      const { tracer, spans } = tracing();
      expect(tracer.adopt(header, 'channel', {})).toBeUndefined();
      expect(spans).toEqual([]);
    },
  );
});

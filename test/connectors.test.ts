/** Connectors in whole graphs: every connector's own example, and what becomes of bad rows, full disks and damaged files. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectors } from '../connectors/registry.ts';
import { run } from '../index.ts';
import { filesBelow, temporaryDirectory } from './kit/connectors.ts';

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  place = await temporaryDirectory();
});
afterEach(() => place.remove());

const at = (name: string): string => join(place.path, name);

async function runGraph(spec: string, printed: string[] = []): ReturnType<typeof run> {
  const body = spec.replaceAll(/^(?=.)/gm, '  ');
  await writeFile(
    at('graph.yaml'),
    `apiVersion: cloudskin.dev/v1\nkind: Dataflow\nmetadata: { name: test }\nspec:\n${body}`,
  );
  return run(at('graph.yaml'), { stdout: (text) => void printed.push(text) });
}

/** Their examples need a server: their own tests run them against one. */
const SERVED = new Set(['postgres', 'nats', 'jetstream', 'mqtt', 'http']);
const own = connectors.filter(({ name }) => !SERVED.has(name));

describe.each(own.map((connector) => [connector.name, connector] as const))('%s', (_name, connector) => {
  it('has an example that runs', async () => {
    await writeFile(
      at('readings.csv'),
      'machine,at,temperature\na,2024-01-01T00:00:00Z,20.5\nb,2024-01-01T00:00:01Z,\n',
    );
    const printed: string[] = [];
    const summary = await runGraph(connector.example, printed);
    expect(summary.sinks.reduce((rows, sink) => rows + sink.rows, 0)).toBeGreaterThan(0);
  });
});

const SPEC = (onError: string): string => `sources:
  readings:
    file: { path: r.csv }
    schema: { a: int64, b: utf8 }
    onError: ${onError}
sinks:
  good: { from: readings, file: { path: good.ndjson } }
`;

describe('bad rows', () => {
  beforeEach(() => writeFile(at('r.csv'), 'a,b\n1,x\ntwo,y\n3,"z\n4,w\n5\n'));

  it('fail the run with file, line and reason, and leave no output', async () => {
    const failed = runGraph(SPEC('fail'));
    await expect(failed).rejects.toMatchObject({
      code: 'source.bad-row',
      message: 'source readings: r.csv:3: column a: "two" is no int64',
    });
    expect(await filesBelow(place.path)).toEqual(['graph.yaml', 'r.csv']);
  });

  it('are left out, and the rest is written', async () => {
    await runGraph(SPEC('skip'));
    expect(await readFile(at('good.ndjson'), 'utf8')).toBe('{"a":1,"b":"x"}\n{"a":4,"b":"w"}\n');
  });

  it('are diverted with their positions and what they were', async () => {
    await runGraph(`${SPEC('divert')}  bad: { from: readings.errors, file: { path: bad.ndjson } }\n`);
    const lines = (await readFile(at('bad.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line)).map(({ code, position, raw }) => [position, code, raw])).toEqual([
      ['r.csv:3', 'csv.bad-value', 'two,y'],
      ['r.csv:4', 'csv.bad-quote', '3,"z'],
      ['r.csv:6', 'csv.ragged-row', '5'],
    ]);
  });
});

describe('a run that fails', () => {
  const from = (sink: string): string => `sources:
  made: { generate: { rows: 300000, columns: { x: { uniform: {} }, k: { keys: {} } } } }
sinks:
${sink}`;

  it('says that the disk is full, and takes the other sinks back', async () => {
    const spec = from(
      '  full: { from: made, file: { path: /dev/full, format: csv } }\n  other: { from: made, file: { path: o.csv } }\n',
    );
    await expect(runGraph(spec)).rejects.toMatchObject({ code: 'sink.disk-full', domain: 'external' });
    expect(await filesBelow(place.path)).toEqual(['graph.yaml']);
  });

  it('says which directory is in the way', async () => {
    await mkdir(at('out.csv'));
    await expect(runGraph(from('  out: { from: made, file: { path: out.csv } }\n'))).rejects.toMatchObject({
      code: 'sink.is-directory',
      domain: 'user',
    });
  });

  it('leaves nothing that looks whole when its source breaks off', async () => {
    await runGraph(from('  out: { from: made, file: { path: a.csv.gz } }\n'));
    const whole = await readFile(at('a.csv.gz'));
    await rm(at('a.csv.gz'));
    await writeFile(at('cut.csv.gz'), whole.subarray(0, whole.length - 100));
    const spec = `sources:
  cut: { file: { path: cut.csv.gz }, schema: { x: float64, k: utf8 } }
sinks:
  out: { from: cut, file: { path: out.parquet } }
`;
    await expect(runGraph(spec)).rejects.toMatchObject({ code: 'source.corrupt' });
    expect(await filesBelow(place.path)).toEqual(['cut.csv.gz', 'graph.yaml']);
  });
});

import { describe, expect, it } from 'vitest';
import type { Problem } from '../errors.ts';
import { type ParsedGraph, type ParseOptions, parseGraph, parseGraphObject } from './parse.ts';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: case }
spec:
  sources:
    readings:
      file: { path: readings.csv, rows: 3 }
      schema: { machine: utf8, at: "timestamp[ms]", deep: { type: float64, path: data.temp } }
      time: { column: at, maxDelay: 10s }
      speed: 60x
  operators:
    minutes: { from: readings, window: { tumbling: 1m }, aggregate: { rows: count(*) }, late: divert }
  sinks:
    out: { from: [minutes, minutes.late], console: {} }
  objectives: { latency: { p99: 200ms }, uplink: { max: 2MB/s } }
  checkpoint: { every: 10s, keep: 3 }
`;

function parse(text: string | Uint8Array, options: Partial<ParseOptions> = {}): ParsedGraph {
  return parseGraph(text, { file: 'graph.yaml', environment: {}, ...options });
}

function codes(problems: readonly Problem[]): string[] {
  return problems.map(({ code }) => code);
}

describe('a graph file', () => {
  it('becomes a document with durations, sizes, types and speeds read', () => {
    const { document, problems } = parse(GRAPH);
    expect(problems).toEqual([]);
    const { sources, operators, objectives, checkpoint } = document?.spec ?? { sources: {} };
    expect(sources.readings).toMatchObject({
      file: { path: 'readings.csv', rows: 3 },
      schema: {
        machine: { type: { kind: 'utf8' } },
        at: { type: { kind: 'timestamp', unit: 'ms' } },
        deep: { type: { kind: 'float64' }, path: 'data.temp' },
      },
      time: { column: 'at', maxDelay: 10_000_000n },
      speed: 60,
    });
    expect(operators?.minutes?.window).toEqual({ tumbling: 60_000_000n });
    expect(objectives).toEqual({ latency: { p99: 200_000n }, uplink: { max: 2_000_000 } });
    expect(checkpoint).toEqual({ every: 10_000_000n, keep: 3 });
  });

  it('is the same document as YAML, as JSON with tabs, and as an object', () => {
    const yaml = parse(GRAPH).document;
    const object = {
      apiVersion: 'cloudskin.dev/v1',
      kind: 'Dataflow',
      metadata: { name: 'case' },
      spec: {
        sources: {
          readings: {
            file: { path: 'readings.csv', rows: 3 },
            schema: { machine: 'utf8', at: 'timestamp[ms]', deep: { type: 'float64', path: 'data.temp' } },
            time: { column: 'at', maxDelay: '10s' },
            speed: '60x',
          },
        },
        operators: {
          minutes: { from: 'readings', window: { tumbling: '1m' }, aggregate: { rows: 'count(*)' }, late: 'divert' },
        },
        sinks: { out: { from: ['minutes', 'minutes.late'], console: {} } },
        objectives: { latency: { p99: '200ms' }, uplink: { max: '2MB/s' } },
        checkpoint: { every: '10s', keep: 3 },
      },
    };
    expect(yaml).toBeDefined();
    expect(parse(JSON.stringify(object, null, '\t'), { format: 'json' }).document).toEqual(yaml);
    expect(parse(JSON.stringify(object), { file: 'graph.json' }).document).toEqual(yaml);
    expect(parseGraphObject(object).document).toEqual(yaml);
  });

  it('may begin with a byte order mark and end its lines as Windows does', () => {
    const { document, problems } = parse(`\uFEFF${GRAPH.trimStart().replaceAll('\n', '\r\n')}`);
    expect(problems).toEqual([]);
    expect(document?.metadata.name).toBe('case');
    const wrong = parse(`\uFEFFapiversion: x\r\nkind: Dataflow\r\n`);
    expect(wrong.problems[0]?.place).toMatchObject({ line: 1, column: 1, text: 'apiversion: x' });
  });

  it('is refused when it is not UTF-8, too large, or empty', () => {
    expect(codes(parse(Uint8Array.of(0x61, 0xff, 0xfe)).problems)).toEqual(['graph.not-utf8']);
    expect(codes(parse('#'.repeat(1_048_577)).problems)).toEqual(['graph.too-large']);
    expect(codes(parse('').problems)).toEqual(['graph.empty']);
    expect(codes(parse('  ', { format: 'json' }).problems)).toEqual(['graph.empty']);
    expect(codes(parse('null').problems)).toEqual(['graph.wrong-type']);
  });

  it('keeps what could be read of an entry that is partly wrong', () => {
    const { document, operators } = parse(GRAPH.replace('late: divert', 'late: maybe, filter: rows > 0'));
    expect(document).toBeUndefined();
    expect(operators[0]?.value).toMatchObject({ from: 'readings', filter: 'rows > 0' });
    expect([...(operators[0]?.dropped ?? [])]).toEqual(['late']);
  });

  it('may use anchors and aliases', () => {
    const { document, problems } = parse(
      GRAPH.replace('schema: {', 'schema: &columns {').replace(
        '  operators:',
        '    more: { file: { path: x }, schema: *columns }\n  operators:',
      ),
    );
    expect(problems).toEqual([]);
    expect(document?.spec.sources.more?.schema).toEqual(document?.spec.sources.readings?.schema);
  });

  it('reads a number in an expression as it was written', () => {
    const { places } = parse(GRAPH.replace('count(*)', '1.50'));
    expect(places.text(['spec', 'operators', 'minutes', 'aggregate', 'rows'])).toBe('1.50');
  });
});

describe('a parameter', () => {
  const withKeep = (text: string): string => GRAPH.replace('keep: 3', `keep: ${text}`);
  const keep = (text: string, options: Partial<ParseOptions> = {}): unknown =>
    parse(withKeep(text), options).document?.spec.checkpoint?.keep;
  const path = (text: string, options: Partial<ParseOptions> = {}): unknown =>
    (
      parse(
        GRAPH.replace('readings.csv', () => text),
        options,
      ).document?.spec.sources.readings?.file as { path?: unknown }
    )?.path;

  it('comes from --param, then the environment, then spec.parameters, then its default', () => {
    const text = `${withKeep(`"\${KEEP:-1}"`)}  parameters: { KEEP: 2 }\n`;
    const read = (options: Partial<ParseOptions>): unknown => parse(text, options).document?.spec.checkpoint?.keep;
    expect(read({ parameters: { KEEP: '4' }, environment: { KEEP: '3' } })).toBe(4);
    expect(read({ environment: { KEEP: '3' } })).toBe(3);
    expect(read({})).toBe(2);
    expect(keep(`"\${KEEP:-1}"`)).toBe(1);
  });

  it('is read as the type its place wants, quoted or not', () => {
    expect(keep(`"\${KEEP:-7}"`)).toBe(7);
    expect(path(`"\${PATH_:-123}"`)).toBe(123);
    expect(path(`"a\${PATH_:-123}"`)).toBe('a123');
    expect(path(`"\${A:-1}\${B:-2}"`)).toBe('12');
    const plain = GRAPH.replace(
      'file: { path: readings.csv, rows: 3 }',
      `file:\n        path: \${P:-123}\n        rows: \${R:-9}`,
    );
    expect(parse(plain).document?.spec.sources.readings?.file).toEqual({ path: 123, rows: 9 });
    const named = GRAPH.replace('metadata: { name: case }', `metadata:\n  name: \${NAME:-42}`);
    expect(parse(named).document?.metadata.name).toBe('42');
  });

  it('takes its default also when it is set to nothing', () => {
    expect(keep(`"\${KEEP:-5}"`, { environment: { KEEP: '' } })).toBe(5);
  });

  it('can stand inside a text, several times, and be escaped', () => {
    expect(path(`"\${A:-x}/$\${B}/\${A:-y}$"`)).toBe(`x/\${B}/y$`);
  });

  it('cannot change the structure of the document', () => {
    const value = 'x", evil: true }\n    more: { file: { path: y';
    expect(path(`"\${A}"`, { parameters: { A: value } })).toBe(value);
  });

  it('is not substituted a second time', () => {
    expect(path(`"\${A}"`, { parameters: { A: `\${B}`, B: 'no' } })).toBe(`\${B}`);
  });

  it('of a default of spec.parameters may come from outside', () => {
    const text = `${GRAPH.replace('readings.csv', `"\${FILE}"`)}  parameters: { FILE: "\${DIR:-.}/a.csv" }\n`;
    const file = (options: Partial<ParseOptions>): unknown =>
      parse(text, options).document?.spec.sources.readings?.file;
    expect(file({})).toMatchObject({ path: './a.csv' });
    expect(file({ environment: { DIR: '/data' } })).toMatchObject({ path: '/data/a.csv' });
  });

  it('named as an object’s own members are is not found there', () => {
    expect(codes(parse(withKeep(`"\${constructor}"`)).problems)).toContain('graph.undefined-parameter');
  });

  it('that is not set is a problem that names it, without further ones', () => {
    const { problems } = parse(withKeep(`"\${KEEPS}"`), { parameters: { KEEP: '1' } });
    expect(problems.map(({ code, severity, hint }) => [code, severity, hint?.slice(0, 22)])).toEqual([
      ['graph.undefined-parameter', 'error', 'did you mean "KEEP"? E'],
      ['graph.unused-parameter', 'warning', 'did you mean "KEEPS"?'],
    ]);
  });

  it('leaves a secret as it is', () => {
    const text = GRAPH.replace('path: readings.csv', `password: "\${secret:api.key-1}"`);
    expect(parse(text).document?.spec.sources.readings?.file).toMatchObject({ password: `\${secret:api.key-1}` });
  });
});

describe('a graph object', () => {
  it('has problems with paths in place of lines', () => {
    const { problems } = parseGraphObject({ kind: 'Dataflow', metadata: { name: 'X' }, spec: { sources: { a: 3 } } });
    expect(problems.map(({ code, place }) => [code, place?.path, place?.line])).toEqual([
      ['graph.missing-key', 'apiVersion', 0],
      ['graph.bad-value', 'metadata.name', 0],
      ['graph.wrong-type', 'spec.sources.a', 0],
    ]);
  });

  it('hands through what is no plain object to the connector', () => {
    const stream = (async function* () {})();
    const { document } = parseGraphObject({
      apiVersion: 'cloudskin.dev/v1',
      kind: 'Dataflow',
      metadata: { name: 'x' },
      spec: { sources: { a: { code: { rows: stream, none: undefined } } } },
    });
    expect(document?.spec.sources.a?.code).toEqual({ rows: stream });
    const { rows } = (document?.spec.sources.a?.code ?? {}) as { rows?: unknown };
    expect(rows).toBe(stream);
  });

  it('is refused when it contains itself or cannot be read', () => {
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    expect(codes(parseGraphObject(loop).problems)).toEqual(['graph.too-deep']);
    const hostile = {
      get spec(): never {
        throw new Error('no');
      },
    };
    expect(codes(parseGraphObject(hostile).problems)).toEqual(['graph.unreadable']);
    expect(codes(parseGraphObject(Array(100_001).fill(0)).problems)).toEqual(['graph.too-large']);
  });

  it('cannot reach the prototype of anything', () => {
    const parsed = parseGraphObject(JSON.parse('{"__proto__": {"polluted": true}, "kind": "Dataflow"}'));
    expect(parsed.document).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(codes(parse('__proto__: { polluted: true }').problems)).toContain('graph.bad-key');
  });
});

describe('columns of a schema', () => {
  const columns = (text: string): readonly (readonly [string, string, string | undefined])[] => {
    const graph = GRAPH.replace('machine: utf8', text);
    return parse(graph).problems.map(({ code, message, place }) => [code, message, String(place?.line)] as const);
  };

  it('have a time zone that there is, and a name', () => {
    expect(columns('machine: "timestamp[ms, Mars/Phobos]"')).toEqual([
      ['graph.unknown-time-zone', 'there is no time zone "Mars/Phobos"', '9'],
    ]);
    expect(columns('"": utf8')).toEqual([['graph.bad-name', 'the name "" must not be empty', '9']]);
    for (const zone of ['UTC', 'Europe/Madrid', '+02:00']) {
      expect(columns(`machine: "timestamp[ms, ${zone}]"`), zone).toEqual([]);
    }
  });
});

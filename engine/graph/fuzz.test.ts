/** Whatever is thrown at the graph layer: it answers with problems inside the file, and never throws. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testContext } from '../../test/golden/graph-errors/context.ts';
import type { Problem } from '../errors.ts';
import { buildPlan, formatProblems, parseGraph, parseGraphObject } from './index.ts';

const golden = new URL('../../test/golden/', import.meta.url);
const graphs = ['graph-plans', 'graph-errors'].flatMap((folder) => {
  const directory = new URL(`${folder}/`, golden);
  const names = readdirSync(directory).filter((name) => name.endsWith('.yaml'));
  return names.map((name) => readFileSync(new URL(name, directory), 'utf8'));
});
/** Pieces that mean something to YAML, to the schema or to SQL. */
const PIECES = [
  '\n',
  '  ',
  ': ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a',
  '!x ',
  '#',
  '%',
  '@',
  '`',
  '\t',
  '\r\n',
  '\0',
  '\u2028',
  '😀',
  '\ud800',
  '---\n',
  '? ',
  '<<: ',
  '~',
  'null',
  'yes',
  `\${`,
  `\${A:-1}`,
  '}',
  `\${secret:a}`,
  'from',
  'select',
  'window',
  '1m',
  'NULL',
  '(',
  ')',
  '::',
  '1e999',
  '.inf',
  '0x7f',
  '__proto__',
  'constructor',
];

function places(problems: readonly Problem[]): void {
  for (const { message, code } of problems) {
    expect(message.length).toBeGreaterThan(0);
    expect(code).toMatch(/^[a-z]+\.[a-z0-9-]+$/);
  }
}

function insideFile(problems: readonly Problem[], text: string): void {
  places(problems);
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  for (const { place } of problems) {
    if (place === undefined) continue;
    const line = lines[place.line - 1];
    expect(line).toBeDefined();
    if (place.text !== undefined) expect(place.text).toBe(line);
    expect(place.column).toBeGreaterThanOrEqual(1);
    expect(place.column).toBeLessThanOrEqual((line?.length ?? 0) + 1);
  }
}

async function plan(text: string, format: 'yaml' | 'json'): Promise<void> {
  const parsed = parseGraph(text, { file: 'graph.yaml', format, environment: {} });
  insideFile(parsed.problems, text);
  const { plan: made, problems } = await buildPlan(parsed, testContext);
  insideFile(problems, text);
  expect(made === undefined).toBe(problems.some(({ severity }) => severity === 'error'));
  expect(formatProblems(problems, { color: false }).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
}

const format = fc.constantFrom('yaml' as const, 'json' as const);
const piece = fc.constantFrom(...PIECES);

describe('the graph layer', () => {
  it('answers any text with problems that have their place in it', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(piece, { maxLength: 60 }).map((parts) => parts.join('')),
    );
    await fc.assert(fc.asyncProperty(text, format, plan), { numRuns: 500 });
  });

  it('answers a graph that was damaged anywhere likewise', async () => {
    const edit = fc.record({ at: fc.nat(), remove: fc.nat(12), insert: fc.oneof(fc.constant(''), piece) });
    const damaged = fc
      .tuple(fc.constantFrom(...graphs), fc.array(edit, { minLength: 1, maxLength: 4 }))
      .map(([graph, edits]) =>
        edits.reduce((text, { at, remove, insert }) => {
          const from = at % (text.length + 1);
          return text.slice(0, from) + insert + text.slice(from + remove);
        }, graph),
      );
    await fc.assert(fc.asyncProperty(damaged, fc.constant('yaml' as const), plan), { numRuns: 1_000 });
  });

  it('answers a graph whose lines were swapped, doubled or indented likewise', async () => {
    const moved = fc
      .tuple(fc.constantFrom(...graphs), fc.nat(), fc.nat(), fc.nat(6))
      .map(([graph, from, to, indent]) => {
        const lines = graph.split('\n');
        const line = lines[from % lines.length] ?? '';
        lines.splice(to % lines.length, 0, ' '.repeat(indent) + line.trimStart());
        return lines.join('\n');
      });
    await fc.assert(fc.asyncProperty(moved, fc.constant('yaml' as const), plan), { numRuns: 300 });
  });

  it('answers any bytes with problems', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        places(parseGraph(bytes, { file: 'graph.yaml' }).problems);
      }),
    );
  });

  it('answers any object with problems that have a path', async () => {
    const key = fc.constantFrom(
      'apiVersion',
      'kind',
      'metadata',
      'name',
      'spec',
      'sources',
      'operators',
      'sinks',
      'a',
      'from',
      'select',
      'file',
      'schema',
      '__proto__',
      'constructor',
    );
    const { object } = fc.letrec<{ object: unknown }>((tie) => ({
      object: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(
          'cloudskin.dev/v1',
          'Dataflow',
          'a',
          'utf8',
          '1m',
          `\${A}`,
          3,
          true,
          null,
          undefined,
          1n,
          Symbol.iterator,
          () => 3,
          new Map(),
          Number.NaN,
        ),
        fc.array(tie('object'), { maxLength: 4 }),
        fc.dictionary(key, tie('object'), { maxKeys: 6, noNullPrototype: false }),
        fc.anything(),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(object, async (value) => {
        const { problems } = await buildPlan(parseGraphObject(value), testContext);
        places(problems);
        expect(problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 1_000 },
    );
  });
});

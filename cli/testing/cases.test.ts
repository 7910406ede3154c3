import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CloudskinError } from '../../engine/errors.ts';
import { readCase, type Settings } from './cases.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cs-case-'));
  mkdirSync(join(directory, 'expected'));
  writeFileSync(join(directory, 'expected', 'rows.ndjson'), '');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function settings(text: string): Settings {
  writeFileSync(join(directory, 'test.yaml'), text);
  return readCase(directory).settings;
}

function problems(text: string): readonly string[] {
  try {
    settings(text);
  } catch (error) {
    if (!(error instanceof CloudskinError)) throw error;
    return error.problems.map(({ code, place }) => `${place?.line}:${place?.column} ${code}`);
  }
  return [];
}

test('a test.yaml is read, and says nothing where there is none or it is empty', () => {
  const usual = { parameters: {}, order: 'any', tolerance: 1e-9 };
  expect(readCase(directory).settings).toEqual(usual);
  expect(settings('# nothing')).toEqual(usual);
  expect(settings('parameters: { limit: 3, name: x }\norder: exact')).toEqual({
    ...usual,
    order: 'exact',
    parameters: { limit: '3', name: 'x' },
  });
});

test('each mistake in a test.yaml is told with its place', () => {
  const [unknown, ...others] = problems('wrong: 1\norder: sideways\ntolerance: 3');
  expect(unknown).toBe('1:1 graph.unknown-key');
  expect(others.map((one) => one.split(' ')[0])).toEqual(['2:8', '3:12']);
  expect(problems('order: [any,,')[0]).toMatch(/^1:\d+ graph\./);
});

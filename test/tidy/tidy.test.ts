/** The rules of the house that a machine can hold: layers, cycles, sizes, words. */
import { describe, expect, it } from 'vitest';
import { roomOf } from './layers.ts';
import { type SourceFile, sourceFiles } from './source-files.ts';

const files = sourceFiles();
const isTest = (path: string): boolean => path.endsWith('.test.ts');
const production = files.filter((file) => !isTest(file.path));
const byPath = new Map(files.map((file) => [file.path, file]));

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Files whose code never reaches for the world's clock, randomness or console; ports are handed in there. */
const PORTS = /^(engine|planner|connectors)\//;
const BANNED: readonly { readonly what: RegExp; readonly where: RegExp; readonly why: string }[] = [
  { what: /\b(TODO|FIXME|XXX|HACK)\b/, where: /./, why: 'finish it or leave it out' },
  { what: /@ts-(ignore|expect-error|nocheck)|biome-ignore/, where: /./, why: 'mend the type instead' },
  { what: /\bas any\b/, where: /./, why: 'unknown at the borders, types inside' },
  { what: /\b(it|test|describe)\.(only|todo)\b/, where: /./, why: 'no test is left out silently' },
  { what: /\bMath\.random\(/, where: PORTS, why: 'randomness is handed in' },
  { what: /\bsetTimeout\(|\bsetInterval\(|'node:timers/, where: PORTS, why: 'timers are handed in' },
  { what: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, where: PORTS, why: 'the clock is handed in' },
  {
    what: /\bconsole\.(log|error|warn)\(/,
    where: /^(engine|planner|connectors|index\.ts)/,
    why: 'only the CLI prints',
  },
  { what: /\b(topology|shard|sharding|workflow)\b/i, where: /./, why: 'DAG words: say graph, partition' },
  { what: /\b(blazing|seamless|effortless)/i, where: /./, why: 'say what was measured' },
];
/** The default ports themselves, and this list. */
const EXEMPT = new Set([
  'engine/ports.ts',
  'test/tidy/tidy.test.ts',
  // measures real time, whatever clock the cells are given
  'engine/cell/component/watchdog.ts',
  'engine/cell/component/watchdog-worker.ts',
]);

describe('the source', () => {
  it('keeps every file in a room of the layout', () => {
    const homeless = files.filter((file) => !isTest(file.path) && roomOf(file.path) === undefined);
    expect(homeless.map((file) => file.path)).toEqual(['vitest.config.ts']);
  });

  it('imports only downwards', () => {
    const wrong = production.flatMap((file) => {
      const room = roomOf(file.path);
      if (room === undefined) return [];
      return file.imports.flatMap((target) => {
        const other = roomOf(target);
        const fine = other === undefined || other.name === room.name || room.mayImport.includes(other.name);
        return fine ? [] : [`${file.path} (${room.name}) imports ${target} (${other.name})`];
      });
    });
    expect(wrong).toEqual([]);
  });

  it('has no import cycle', () => {
    expect(findCycle(production)).toEqual([]);
  });

  it('keeps files at a size that can be read', () => {
    expect(files.filter((file) => file.lines > 500).map((file) => `${file.path}: ${file.lines} lines`)).toEqual([]);
    expect(
      quantile(
        production.map((file) => file.lines),
        0.9,
      ),
    ).toBeLessThanOrEqual(350);
  });

  it('keeps functions at a size that can be read', () => {
    const all = production.flatMap((file) => file.functions.map((fn) => ({ ...fn, path: file.path })));
    const long = all.filter((fn) => fn.lines > 70);
    expect(long.map((fn) => `${fn.path}:${fn.line} ${fn.name}: ${fn.lines} lines`)).toEqual([]);
    expect(
      quantile(
        all.map((fn) => fn.lines),
        0.9,
      ),
    ).toBeLessThanOrEqual(25);
  });

  it('begins every file with a header that says what it is', () => {
    const bare = production.filter((file) => !/^(#!.*\n)?\/\*\*/.test(file.text) && file.path !== 'vitest.config.ts');
    expect(bare.map((file) => file.path)).toEqual([]);
  });

  it('uses no banned word', () => {
    const found = files.flatMap((file) => {
      if (EXEMPT.has(file.path)) return [];
      const rules = BANNED.filter((rule) => rule.where.test(file.path) && !(isTest(file.path) && rule.where === PORTS));
      return file.text.split('\n').flatMap((line, index) => {
        const rule = rules.find((candidate) => candidate.what.test(line));
        return rule === undefined ? [] : [`${file.path}:${index + 1}: ${line.trim().slice(0, 80)} (${rule.why})`];
      });
    });
    expect(found).toEqual([]);
  });
});

/** The first cycle found, as a list of paths, by depth-first search with three colours. */
function findCycle(graph: readonly SourceFile[]): readonly string[] {
  const state = new Map<string, 'open' | 'done'>();
  const walk = (path: string, trail: readonly string[]): readonly string[] => {
    if (state.get(path) === 'done') return [];
    if (state.get(path) === 'open') return [...trail.slice(trail.indexOf(path)), path];
    state.set(path, 'open');
    for (const next of byPath.get(path)?.imports ?? []) {
      const cycle = byPath.has(next) ? walk(next, [...trail, path]) : [];
      if (cycle.length > 0) return cycle;
    }
    state.set(path, 'done');
    return [];
  };
  for (const file of graph) {
    const cycle = walk(file.path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

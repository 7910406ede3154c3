/** Every command that the README shows is run here, in the order of the README, in a checkout. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from './tidy/source-files.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The lines of all `sh` blocks; a trailing backslash continues one. */
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) =>
  (match[1] ?? '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/\s+# .*$/, '').trim())
    .filter((line) => line !== ''),
);

/** Commands that cannot run inside this test, each with the reason and what runs it instead. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['npm ci && npm test', 'it would run itself; CI runs exactly this'],
  ['npm ci && npm start', 'npm ci would replace what is running; npm start is run below'],
  ['npm install cloudskin', 'test/package/packed.test.ts installs the packed package'],
]);

/** `--quick` benchmarks take most of a minute each; a trial of each shows that the command works. */
const environment = { ...process.env, CLOUDSKIN_BENCH_TRIAL: '1', NO_COLOR: '1' };

function sh(command: string): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    cwd: root,
    env: environment,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, output: `${stdout}${stderr}` };
}

beforeAll(() => {
  rmSync(join(root, 'out'), { recursive: true, force: true });
});

describe('the README', () => {
  it('shows commands', () => {
    expect(commands.length).toBeGreaterThan(8);
  });

  it('names as run elsewhere only what it shows', () => {
    const shown = [...ELSEWHERE.keys()].filter((command) => commands.includes(command));
    expect(shown).toEqual([...ELSEWHERE.keys()]);
  });

  for (const command of new Set(commands.filter((one) => !ELSEWHERE.has(one)))) {
    it(`tells the truth about: ${command}`, { timeout: 150_000 }, () => {
      const { status, output } = sh(command);
      expect(status, output).toBe(0);
    });
  }

  it('shows a table, a chart and the next steps after npm start', { timeout: 60_000 }, () => {
    const { status, output } = sh('npm start');
    expect(status, output).toBe(0);
    for (const text of ['region', 'California', '█', 'examples/earthquakes/graph.yaml']) expect(output).toContain(text);
  });

  it('points only at files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => spawnSync('test', ['-e', join(root, link)]).status !== 0)).toEqual([]);
  });
});

/** Every command that the README shows is run here, in the order of the README, in a checkout. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from './tidy/source-files.ts';

const MINUTES = 60_000;
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

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
const here = [...new Set(commands)].filter((command) => !ELSEWHERE.has(command));

/** These need nothing of the commands before them, and mostly wait: they run beside each other. */
const ALONE = /^npm run -s bench |^node examples\//;

/** What npm would run: it starts once, below, and not for each of forty commands. */
function unwrapped(command: string): string {
  return command.replace(/^npm run -s (\S+)(?: --)?/, (whole, name: string) => scripts[name] ?? whole);
}

interface Done {
  readonly status: number;
  readonly output: string;
}

function sh(command: string): Promise<Done> {
  // `--quick` benchmarks take most of a minute each; a trial of each shows that the command works
  const env = { ...process.env, CLOUDSKIN_BENCH_TRIAL: '1', NO_COLOR: '1' };
  const options = { cwd: root, env, timeout: 2 * MINUTES, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile('bash', ['-c', command], options, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}${stderr}` }),
    );
  });
}

async function mustWork(command: string): Promise<void> {
  const { status, output } = await sh(unwrapped(command));
  expect(status, output).toBe(0);
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

  it.each(here.filter((command) => !ALONE.test(command)))(
    'tells the truth about: %s',
    { timeout: 3 * MINUTES },
    mustWork,
  );

  it('shows a table, a chart and the next steps after npm start', { timeout: MINUTES }, async () => {
    const { status, output } = await sh('npm start');
    expect(status, output).toBe(0);
    for (const text of ['region', 'California', '█', 'examples/earthquakes/graph.yaml']) expect(output).toContain(text);
  });

  it('points only at files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => spawnSync('test', ['-e', join(root, link)]).status !== 0)).toEqual([]);
  });
});

describe.concurrent('the README, beside each other', () => {
  it.each(here.filter((command) => ALONE.test(command)))(
    'tells the truth about: %s',
    { timeout: 3 * MINUTES },
    mustWork,
  );
});

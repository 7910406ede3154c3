/** The published package, as a stranger gets it: packed, installed elsewhere without development packages, and run. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../tidy/source-files.ts';

const MINUTES = 60_000;
const LIMIT_BYTES = 60_000_000;

let directory = '';
let cli = '';

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function cloudskin(...args: readonly string[]): string {
  return execFileSync(process.execPath, [cli, ...args], { cwd: directory, encoding: 'utf8' });
}

function bytesBelow(path: string): number {
  return readdirSync(path, { withFileTypes: true, recursive: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloudskin-packed-'));
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', directory], root).replace(/^[^[]*/, ''));
  writeFileSync(join(directory, 'package.json'), '{"private":true,"type":"module"}');
  npm(['install', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline', `./${packed.filename}`], directory);
  cli = join(directory, 'node_modules/cloudskin/dist/cli/bin.js');
}, 5 * MINUTES);

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('the packed package, installed elsewhere', () => {
  it('takes at most 60 MB with everything it depends on', () => {
    expect(bytesBelow(join(directory, 'node_modules'))).toBeLessThan(LIMIT_BYTES);
  });

  it('links the command', () => {
    expect(readdirSync(join(directory, 'node_modules/.bin'))).toContain('cloudskin');
  });

  it('makes a graph and runs it', () => {
    cloudskin('init', 'first');
    const output = cloudskin('run', 'first/graph.yaml');
    expect(output).toContain('press-1');
    expect(output).toContain('window_end');
  });

  it('runs the standard operator without jco', () => {
    const graph = {
      apiVersion: 'cloudskin.dev/v1',
      kind: 'Dataflow',
      metadata: { name: 'packed' },
      spec: {
        sources: { numbers: { file: { path: 'numbers.csv' }, schema: { sensor: 'utf8', reading: 'float64' } } },
        operators: { score: { from: 'numbers', component: 'anomaly', config: { key: 'sensor', value: 'reading' } } },
        sinks: { out: { from: 'score', file: { path: 'scores.csv' } } },
      },
    };
    const rows = Array.from({ length: 50 }, (_, index) => `a,${index === 40 ? 1000 : index % 5}`);
    writeFileSync(join(directory, 'numbers.csv'), `sensor,reading\n${rows.join('\n')}\n`);
    writeFileSync(join(directory, 'graph.json'), JSON.stringify(graph));
    cloudskin('run', 'graph.json');
    expect(cloudskin('validate', 'graph.json')).toContain('valid');
  });

  it('gives its API with types', () => {
    const script = "import { open, run } from 'cloudskin'; console.log(typeof open, typeof run);";
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(printed).toBe('function function\n');
    expect(statSync(join(directory, 'node_modules/cloudskin/dist/index.d.ts')).isFile()).toBe(true);
  });
});

/** The command line from outside: exit statuses, what goes to which stream, Ctrl-C, pipes. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliPath, cloudskin, type Ended, scratch, start } from './command.ts';

let directory = '';

beforeAll(async () => {
  directory = scratch();
  await cloudskin(['init', 'first'], { cwd: directory });
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function graph(spec: object): string {
  return JSON.stringify({ apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'cli' }, spec });
}

/** A command line of the shell, `cloudskin` in it being this checkout's. */
function shell(command: string): Promise<Ended> {
  const text = command.replace(/\bcloudskin\b/, `"${process.execPath}" "${cliPath}"`);
  const { status, stdout, stderr } = spawnSync('bash', ['-c', text], { cwd: directory, encoding: 'utf8' });
  return Promise.resolve({ status, stdout, stderr });
}

/** A source that never ends: a few rows a second. */
const endless = {
  sources: {
    ticks: {
      generate: { rate: 50, columns: { n: { sequence: {} } } },
    },
  },
  sinks: {
    shown: { from: 'ticks', console: { format: 'ndjson' } },
    kept: { from: 'ticks', file: { path: 'kept.ndjson' } },
  },
};

describe('cloudskin', () => {
  it('prints its version and nothing else', async () => {
    const { status, stdout, stderr } = await cloudskin(['--version']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('ends with 2 and the nearest command for a mistyped one', async () => {
    const { status, stderr } = await cloudskin(['validat']);
    expect(status).toBe(2);
    expect(stderr).toContain('Did you mean validate?');
  });

  it('shows help with examples for every command', async () => {
    for (const command of ['run', 'validate', 'explain', 'test', 'init', 'infer', 'schema', 'doctor']) {
      const { status, stdout } = await cloudskin([command, '--help']);
      expect([command, status]).toEqual([command, 0]);
      expect(stdout).toContain('Examples:');
    }
  });

  it('finds nothing missing on a machine that runs its tests', async () => {
    const { status, stdout } = await cloudskin(['doctor', '--json']);
    expect(JSON.parse(stdout).findings.filter((one: { status: string }) => one.status === 'missing')).toEqual([]);
    expect(status).toBe(0);
  });
});

describe('a namespace', () => {
  it.each(['deploy graph.yaml', 'status', 'list', 'pause shop', 'logs shop', 'checkpoint list shop'])(
    'that cannot be one is refused by %s before anything is asked',
    async (command) => {
      const { status, stderr } = await cloudskin([...command.split(' '), '-n', 'a b', '--nats', 'nats://127.0.0.1:9']);
      expect(status).toBe(2);
      expect(stderr).toMatch(/cli\.bad-namespace: --namespace "a b": .*\n.*lower-case letters, digits and hyphens/);
    },
  );
});

describe('a mistake with --json', () => {
  it.each([
    ['pause --json', 'cli.usage'],
    ['undeploy shop --json --soon', 'cli.usage'],
    ['stop shop --json --timeout soon', 'cli.bad-duration'],
    ['restore shop --json --checkpoint x', 'cli.bad-checkpoint'],
    ['drain plant --json --within soon', 'cli.bad-duration'],
    ['resume shop --json -n A', 'cli.bad-namespace'],
  ])('is one object with a code: %s', async (command, code) => {
    const { status, stdout } = await cloudskin(command.split(' '));
    expect([status, JSON.parse(stdout).error]).toEqual([2, expect.objectContaining({ code, domain: 'user' })]);
  });
});

describe('the command line before a command is chosen', () => {
  it('loads neither the schema library nor the YAML parser', () => {
    const script = `
      const seen = [];
      require('node:module').registerHooks({ load: (url, context, next) => (seen.push(url), next(url, context)) });
      import(process.argv[1]).then(() => console.log(seen.filter((url) => /node_modules.(zod|yaml|rxjs|apache-arrow)/.test(url)).length, seen.length));`;
    const main = cliPath.replace('bin.ts', 'main.ts');
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, main], { encoding: 'utf8' });
    const [heavy, all] = stdout.split(' ').map(Number);
    expect([heavy, stderr]).toEqual([0, '']);
    expect(all).toBeGreaterThan(10);
  });
});

describe('a server that takes connections and never says a word', () => {
  it('does not keep an agent from ending when it is told to stop', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const data = join(directory, 'silent');
      const nats = `nats://127.0.0.1:${port}`;
      const agent = start(['agent', '--site', 'plant', '--tier', 'edge', '--data', data, '--nats', nats]);
      await once(server, 'connection');
      agent.child.kill('SIGTERM');
      const late = new Promise<string>((resolve) => setTimeout(resolve, 30_000, 'still there').unref());
      const ended = await Promise.race([agent.ended, late]);
      agent.child.kill('SIGKILL');
      expect(ended).toMatchObject({ status: 0 });
    } finally {
      server.close();
    }
  });
});

describe('cloudskin run', () => {
  it('puts rows on standard output and the summary on standard error', async () => {
    const { status, stdout, stderr } = await cloudskin(['run', 'first/graph.yaml'], { cwd: directory });
    expect(status).toBe(0);
    expect(stdout).toContain('press-1');
    expect(stdout).not.toContain('rows in');
    expect(stderr).toMatch(/done: machine-health: 720 rows in, \d+ out/);
    expect(stderr).toContain('late.ndjson');
  });

  it('says in one line that standard output is full', async () => {
    const { status, stderr } = await shell(`cloudskin run first/graph.yaml -q > /dev/full`);
    expect([status, stderr]).toEqual([1, expect.stringContaining('sink.disk-full')]);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('refuses a graph and a source that both want standard input', async () => {
    const spec = {
      sources: { s: { file: { path: '-', format: 'csv' }, schema: { a: 'utf8' } } },
      sinks: { o: { from: 's', console: {} } },
    };
    const { status, stderr } = await cloudskin(['run', '-'], { cwd: directory, input: graph(spec) });
    expect([status, stderr]).toEqual([2, expect.stringContaining('source.stdin-taken')]);
  });

  it('refuses two sources that both want standard input, of which one would get nothing', async () => {
    const source = { file: { path: '-', format: 'csv' }, schema: { a: 'utf8' } };
    const spec = { sources: { s: source, t: source }, sinks: { o: { from: ['s', 't'], console: {} } } };
    writeFileSync(join(directory, 'two.json'), graph(spec));
    const { status, stderr } = await cloudskin(['validate', 'two.json'], { cwd: directory });
    expect([status, stderr]).toEqual([2, expect.stringContaining('sources s and t both read standard input')]);
  });

  it('prints one object with --json', async () => {
    const { status, stdout } = await cloudskin(['run', 'first/graph.yaml', '--json'], { cwd: directory });
    const summary = JSON.parse(stdout);
    expect([status, summary.name, summary.metrics.rowsIn]).toEqual([0, 'machine-health', 720]);
  });

  it('gives the same rows by kernels as by compiled cells', async () => {
    const compiled = await cloudskin(['run', 'first/graph.yaml', '-q'], { cwd: directory });
    const kernels = await cloudskin(['run', 'first/graph.yaml', '-q', '--execution', 'kernels'], { cwd: directory });
    expect(compiled.stdout).toBe(kernels.stdout);
    expect(compiled.stdout.length).toBeGreaterThan(1000);
  });

  it('reads a graph from standard input and takes parameters', async () => {
    const input = readFileSync(join(directory, 'first/graph.yaml'), 'utf8');
    writeFileSync(join(directory, 'one.csv'), 'machine,at,temperature\na,2026-01-01T00:00:00Z,10\n');
    const { status, stdout } = await cloudskin(['run', '-', '-p', 'READINGS=one.csv'], { cwd: directory, input });
    expect(status).toBe(0);
    expect(stdout).toMatch(/2026-01-01 00:00:00Z\s+2026-01-01 00:01:00Z\s+a\s+50\s+50\s+1/);
  });

  it('ends with 2 and every problem of a wrong graph, without a stack', async () => {
    writeFileSync(
      join(directory, 'wrong.json'),
      graph({ ...endless, operators: { x: { from: 'tick', filter: 'm > 1' } } }),
    );
    const { status, stderr } = await cloudskin(['run', 'wrong.json'], { cwd: directory });
    expect(status).toBe(2);
    expect(stderr).toContain('graph.unknown-input');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('ends with 2 where there is no such graph', async () => {
    const { status, stderr } = await cloudskin(['run', 'nowhere.yaml'], { cwd: directory });
    expect([status, stderr]).toEqual([2, expect.stringContaining('graph.not-found')]);
  });

  it('drains on Ctrl-C within five seconds and says what was written', async () => {
    writeFileSync(join(directory, 'endless.json'), graph(endless));
    const running = start(['run', 'endless.json'], { cwd: directory });
    await running.printed('\n');
    running.child.kill('SIGINT');
    const { status, stdout, stderr } = await running.ended;
    // after five seconds it would fail by run.drain-timeout
    expect(status).toBe(0);
    expect(stderr).toContain('stopped and drained');
    const written = readdirSync(directory).filter((name) => name.startsWith('kept'));
    expect(written.every((name) => name.endsWith('.ndjson'))).toBe(true);
    const rows = written.flatMap((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'));
    expect(rows).toEqual(stdout.trimEnd().split('\n'));
  });

  it('ends quietly when its reader goes away', async () => {
    const running = start(['run', 'endless.json', '-q'], { cwd: directory });
    await running.printed('\n');
    running.child.stdout?.destroy();
    const { status, stderr } = await running.ended;
    expect([status, stderr]).toEqual([0, '']);
  });

  it('fails with 1 and leaves no file where an expression fails', async () => {
    const spec = {
      sources: { ticks: { generate: { rows: 1000, columns: { n: { sequence: {} } } } } },
      operators: { half: { from: 'ticks', select: { n: '1000 / (n - 500)' } } },
      sinks: { out: { from: 'half', file: { path: 'halves.csv' } } },
    };
    writeFileSync(join(directory, 'fails.json'), graph(spec));
    const { status, stderr } = await cloudskin(['run', 'fails.json'], { cwd: directory });
    expect(stderr).toContain('expression.division-by-zero');
    expect(stderr).toContain('1000 / (n - 500)');
    expect(status).toBe(2);
    expect(readdirSync(directory).filter((name) => name.includes('halves'))).toEqual([]);
  });
});

describe('cloudskin explain', () => {
  it('tells which operators share a cell', async () => {
    const { stdout } = await cloudskin(['explain', 'first/graph.yaml', '--json'], { cwd: directory });
    const { cells, streams } = JSON.parse(stdout);
    expect(cells.map((cell: { name: string }) => cell.name)).toEqual(['valid+fahrenheit+minutes']);
    expect(streams.map((stream: { transport: string }) => stream.transport)).toContain('fused');
  });

  it('prints the generated code of a cell, found by any of its operators', async () => {
    const { status, stdout } = await cloudskin(['explain', 'first/graph.yaml', '--wat', 'minutes'], { cwd: directory });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\(module/);
    expect(stdout).toContain('f64x2');
  });

  it('refuses a cell that is not there, naming the nearest', async () => {
    const { status, stderr } = await cloudskin(['explain', 'first/graph.yaml', '--wat', 'minute'], { cwd: directory });
    expect([status, stderr]).toEqual([2, expect.stringContaining('explain.unknown-cell')]);
  });

  it('draws a flowchart', async () => {
    const { stdout } = await cloudskin(['explain', 'first/graph.yaml', '--mermaid'], { cwd: directory });
    expect(stdout).toMatch(/^flowchart LR\n/);
    expect(stdout).toContain('n_valid ==> n_fahrenheit');
  });
});

describe('cloudskin test', () => {
  it('passes the tests of the template', async () => {
    const { status, stdout } = await cloudskin(['test', 'first/graph.yaml'], { cwd: directory });
    expect([status, stdout]).toEqual([0, expect.stringContaining('1 passed, 0 failed')]);
  });

  it('fails, showing the rows, where the output differs, and takes it with --update', async () => {
    await cloudskin(['init', 'second'], { cwd: directory });
    const expected = join(directory, 'second/tests/late-reading/expected/minutes.ndjson');
    const right = readFileSync(expected, 'utf8');
    writeFileSync(expected, right.replace('"readings":2', '"readings":3'));
    const failed = await cloudskin(['test', 'second/graph.yaml'], { cwd: directory });
    expect(failed.status).toBe(1);
    expect(failed.stdout).toMatch(/- .*"readings":3/);
    expect(failed.stdout).toMatch(/\+ .*"readings":2/);
    await cloudskin(['test', 'second/graph.yaml', '--update'], { cwd: directory });
    expect(readFileSync(expected, 'utf8')).toBe(right);
  });
});

describe('a case with a mistake', () => {
  it('fails alone', async () => {
    await cloudskin(['init', 'third'], { cwd: directory });
    mkdirSync(join(directory, 'third/tests/broken/expected'), { recursive: true });
    const { status, stdout } = await cloudskin(['test', 'third/graph.yaml'], { cwd: directory });
    expect([status, stdout]).toEqual([1, expect.stringContaining('1 passed, 1 failed')]);
    expect(stdout).toContain('test.nothing-expected');
  });
});

describe('cloudskin init', () => {
  it('replaces no file that is there already, whatever its name', async () => {
    mkdirSync(join(directory, 'taken'));
    writeFileSync(join(directory, 'taken/readings.csv'), 'mine');
    const { status, stderr } = await cloudskin(['init', 'taken'], { cwd: directory });
    expect([status, stderr]).toEqual([2, expect.stringContaining('init.exists')]);
    expect(readFileSync(join(directory, 'taken/readings.csv'), 'utf8')).toBe('mine');
    expect(readdirSync(join(directory, 'taken'))).toEqual(['readings.csv']);
  });

  it('quotes names that graph files want quoted, and keeps every row of data in disorder', async () => {
    const rows = Array.from(
      { length: 100 },
      (_, index) => `${index},${index},2026-01-${String(28 - (index % 28)).padStart(2, '0')}`,
    );
    writeFileSync(join(directory, 'xy.csv'), `x,y,at\n${rows.join('\n')}\n`);
    await cloudskin(['init', 'xy', '--from', 'xy.csv'], { cwd: directory });
    const { status, stdout } = await cloudskin(['run', 'xy/graph.yaml', '--json'], { cwd: directory });
    const { metrics } = JSON.parse(stdout);
    expect([status, metrics.rowsIn, metrics.late]).toEqual([0, 100, 0]);
  });

  it('makes a graph for a data file that runs as it is', async () => {
    const made = await cloudskin(['init', 'mine', '--from', 'first/readings.csv'], { cwd: directory });
    expect(made.status).toBe(0);
    const { status, stdout } = await cloudskin(['run', 'mine/graph.yaml'], { cwd: directory });
    expect([status, stdout]).toEqual([0, expect.stringContaining('press-2')]);
  });

  it('never overwrites a graph that is there', async () => {
    const { status, stderr } = await cloudskin(['init', 'first'], { cwd: directory });
    expect([status, stderr]).toEqual([2, expect.stringContaining('init.exists')]);
  });

  it('prints a schema that editors can use', async () => {
    const { stdout } = await cloudskin(['schema'], { cwd: directory });
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object' });
    expect(existsSync(join(directory, 'first/graph.yaml'))).toBe(true);
  });
});

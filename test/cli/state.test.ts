/** `run --state` from outside: killed at any moment, stopped, started over; what it wrote is what an undisturbed run writes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointIn } from './checkpoints.ts';
import { cloudskin, scratch, start } from './command.ts';

let directory = '';

/** `rate`: rows a second. */
const graphAt = (rate: number): string =>
  JSON.stringify({
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: 'killed' },
    spec: {
      sources: {
        readings: {
          generate: {
            rows: 60_000,
            rate,
            start: '2024-01-01T00:00:00',
            interval: '1ms',
            columns: { id: { sequence: {} }, at: { time: {} }, machine: { keys: { count: 20, prefix: 'm' } } },
          },
          time: { column: 'at' },
        },
      },
      operators: {
        seconds: {
          from: 'readings',
          window: { tumbling: '1s' },
          groupBy: ['machine'],
          aggregate: { rows: 'count(*)', sum: 'sum(id)' },
        },
      },
      sinks: {
        all: { from: 'readings', file: { path: 'all.csv' } },
        shown: { from: 'seconds', file: { path: 'seconds.csv' } },
      },
      checkpoint: { every: '150ms', keep: 2 },
    },
  });

/** For a run that is to be killed or stopped before its end. */
const GRAPH = graphAt(20_000);
/** For one that begins at the beginning: the same rows. */
const FAST = graphAt(1_000_000);
const OTHER = GRAPH.replace('60000', '500').replace('"all":', '"few":').replace('all.csv', 'few.csv');

const write = (cwd: string, graph: string): void => writeFileSync(join(cwd, 'graph.json'), graph);

/** A directory with the graph in it. */
function place(name: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  write(path, GRAPH);
  return path;
}

const outputOf = (path: string): string[] =>
  ['all.csv', 'seconds.csv'].map((file) => readFileSync(join(path, file), 'utf8'));

const args = ['run', 'graph.json', '--state', 'state'];

let undisturbed: string[] = [];

beforeAll(async () => {
  directory = scratch();
  const cwd = place('undisturbed');
  write(cwd, FAST);
  await cloudskin(['run', 'graph.json'], { cwd });
  undisturbed = outputOf(cwd);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('run --state', () => {
  it('writes every row once, however often it is killed', async () => {
    const cwd = place('killed');
    let restored = 0;
    for (const further of [0, 60, 110]) {
      const { child, ended } = start(args, { cwd });
      await checkpointIn(cwd, 'killed', ended);
      await sleep(further);
      child.kill('SIGKILL');
      if ((await ended).stderr.includes('goes on from checkpoint')) restored += 1;
    }
    expect((await cloudskin(args, { cwd })).status).toBe(0);
    expect(restored).toBeGreaterThan(0);
    expect(outputOf(cwd)).toEqual(undisturbed);
    expect(readdirSync(cwd).toSorted()).toEqual(['all.csv', 'graph.json', 'seconds.csv', 'state']);
  });

  it('leaves off at a checkpoint on Ctrl-C, goes on from it, and refuses a second run meanwhile and a sink renamed', async () => {
    const cwd = place('stopped');
    const { child, ended } = start(args, { cwd });
    await checkpointIn(cwd, 'killed', ended);
    child.kill('SIGSTOP');
    const second = await cloudskin(args, { cwd });
    expect(second).toMatchObject({ status: 2, stderr: expect.stringContaining('another run') });
    child.kill('SIGINT');
    child.kill('SIGCONT');
    const first = await ended;
    expect(first.status).toBe(0);
    expect(first.stderr).toContain('stopped at checkpoint');
    write(cwd, GRAPH.replace('"all":', '"everything":'));
    const renamed = await cloudskin(args, { cwd });
    expect(renamed.status).toBe(2);
    expect(renamed.stderr).toContain('what sink "all" (file all.csv) has written but not shown yet would be dropped');
    expect(renamed.stderr).toContain('let the graph as it was run to its end first');
    write(cwd, GRAPH);
    expect((await cloudskin(args, { cwd })).stderr).toContain('60,000 rows in');
    expect(outputOf(cwd)).toEqual(undisturbed);
  });

  it('shows what a sink wrote that is not in the graph any more, or removes it, when told to begin anew', async () => {
    const cwd = place('left');
    const hidden = (): string[] => readdirSync(cwd).filter((name) => name.startsWith('.'));
    for (const flag of ['--drop-state', '--fresh']) {
      const { child, ended } = start(args, { cwd });
      await checkpointIn(cwd, 'killed', ended);
      child.kill('SIGINT');
      await ended;
      expect(hidden()).toHaveLength(2);
      rmSync(join(cwd, 'all.csv'), { force: true });
      write(cwd, OTHER);
      const { status, stderr } = await cloudskin([...args, flag], { cwd });
      expect(status).toBe(0);
      expect(hidden()).toEqual([]);
      expect(existsSync(join(cwd, 'all.csv'))).toBe(flag === '--drop-state');
      if (flag === '--drop-state') {
        expect(stderr).toContain('sink "all" (file all.csv) has shown what it wrote up to the last checkpoint');
        expect(undisturbed[0]?.startsWith(readFileSync(join(cwd, 'all.csv'), 'utf8'))).toBe(true);
      }
      rmSync(join(cwd, 'state'), { recursive: true });
      write(cwd, GRAPH);
    }
  });

  it('encrypts checkpoints, does not take another key, and begins anew when told', async () => {
    const cwd = place('sealed');
    writeFileSync(join(cwd, 'key'), 'ab'.repeat(32));
    writeFileSync(join(cwd, 'other'), 'cd'.repeat(32));
    const { child, ended } = start([...args, '--key-file', 'key'], { cwd });
    await checkpointIn(cwd, 'killed', ended);
    child.kill('SIGINT');
    await ended;
    write(cwd, FAST);
    const again = await cloudskin([...args, '--key-file', 'other', '--fresh'], { cwd });
    expect(again.status).toBe(0);
    expect(again.stderr).not.toContain('goes on');
    expect(outputOf(cwd)).toEqual(undisturbed);
    const wrong = await cloudskin([...args, '--key-file', 'key'], { cwd });
    expect(wrong).toMatchObject({ status: 1, stderr: expect.stringContaining('is not used') });
    expect(outputOf(cwd)).toEqual(undisturbed);
  });

  it('says what is missing', async () => {
    const cwd = place('missing');
    expect(await cloudskin(['run', 'graph.json', '--fresh'], { cwd })).toMatchObject({ status: 2 });
    const keyless = await cloudskin([...args, '--key-file', 'none'], { cwd });
    expect(keyless).toMatchObject({ status: 2, stderr: expect.stringContaining('key') });
  });
});

/** `run` of a graph that asks for partitions: worker threads, the same output as one thread's, kept through kills. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defined } from '../../engine/defined.ts';
import { checkpointIn } from './checkpoints.ts';
import { cloudskin, scratch, start } from './command.ts';

let directory = '';
let alone: string[][] = [];

function graph(parallelism: number, rate?: number): string {
  return JSON.stringify({
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: 'dealt' },
    spec: {
      sources: {
        readings: {
          generate: {
            rows: 60_000,
            ...defined({ rate }),
            start: '2024-01-01T00:00:00',
            interval: '1ms',
            columns: { id: { sequence: {} }, at: { time: {} }, machine: { keys: { count: 300, prefix: 'm' } } },
          },
          time: { column: 'at' },
        },
      },
      operators: {
        seconds: {
          from: 'readings',
          window: { tumbling: '1s' },
          groupBy: ['machine'],
          aggregate: { rows: 'count(*)', sum: 'sum(id)', mean: 'avg(id)' },
          ...(parallelism === 1 ? {} : { parallelism }),
        },
        many: { from: 'seconds', filter: 'rows > 2' },
      },
      sinks: {
        shown: { from: 'seconds', file: { path: 'seconds.csv' } },
        busy: { from: 'many', file: { path: 'many.csv' } },
      },
      checkpoint: { every: '150ms', keep: 2 },
    },
  });
}

function place(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  writeFileSync(join(path, 'graph.json'), text);
  return path;
}

/** Lines of both files; between partitions there is no order. */
const outputOf = (path: string): string[][] =>
  ['seconds.csv', 'many.csv'].map((file) => readFileSync(join(path, file), 'utf8').split('\n').toSorted());

beforeAll(async () => {
  directory = scratch();
  const cwd = place('alone', graph(1));
  await cloudskin(['run', 'graph.json'], { cwd });
  alone = outputOf(cwd);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('run with parallelism', () => {
  it('gives what one thread gives', async () => {
    const cwd = place('three', graph(3));
    const { status, stderr } = await cloudskin(['run', 'graph.json'], { cwd });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('60,000 rows in');
    expect(outputOf(cwd)).toEqual(alone);
  });

  it('writes every row once when it is killed and started over', async () => {
    const cwd = place('killed', graph(2, 30_000));
    const args = ['run', 'graph.json', '--state', 'state'];
    const first = start(args, { cwd });
    await checkpointIn(cwd, 'dealt', first.ended);
    first.child.kill('SIGKILL');
    await first.ended;
    const { status, stderr } = await cloudskin(args, { cwd });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('goes on from checkpoint');
    expect(outputOf(cwd)).toEqual(alone);
  });

  it('says what went wrong in a worker thread', async () => {
    const cwd = place('wrong', graph(2).replace('sum(id)', 'sum(id + 9223372036854775807)'));
    const { status, stderr } = await cloudskin(['run', 'graph.json'], { cwd });
    expect(status).not.toBe(0);
    expect(stderr).toContain('seconds');
    expect(stderr).not.toContain('    at ');
  });
});

/**
 * `run --state` here and on arm64 in turn, each leaving off at a checkpoint that the other goes on from: windows in their memory and a component, then,
 * with other code for the windows, in their logical form. What comes out is what one undisturbed run puts out.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arm64Node } from '../../tools/programs/programs.ts';
import { checkpointIn } from '../cli/checkpoints.ts';
import { cloudskin, type StartOptions, start } from '../cli/command.ts';
import { hasSharedData, sharedData } from '../kit/shared-data.ts';
import { root } from '../tidy/source-files.ts';

const arm64 = arm64Node();
function absent(): string | undefined {
  if (arm64 === undefined) return 'Node for arm64 is not here: npm run test:arm64';
  if (process.env.CLOUDSKIN_TEST_ARM64 !== 'on') return 'takes half a minute: npm run test:arm64';
  return hasSharedData() ? undefined : 'the shared inputs are not there';
}

const missing = absent();

interface Variant {
  /** Times the pace at which the readings were taken. */
  readonly speed: string;
  /** A filter in front of the windows: other code, the same rows. */
  readonly filter?: string;
}

function graph({ speed, filter }: Variant): string {
  const path = sharedData('sensors/nab/data/realAWSCloudwatch/ec2_cpu_utilization_825cc2.csv');
  const schema = { timestamp: 'timestamp[ms]', value: 'float64' };
  const readings = { file: { path }, schema, time: { column: 'timestamp', maxDelay: '1h' }, speed };
  const days = {
    from: 'readings',
    ...(filter === undefined ? {} : { filter }),
    window: { tumbling: '1d' },
    groupBy: { band: "round(value / 3)::text || 'x'", even: 'extract(hour FROM timestamp)::integer % 2' },
    aggregate: { rows: 'count(*)', mean: 'avg(value)', grown: 'sum(exp(value / 50))', text: 'max(round(value)::text)' },
  };
  return JSON.stringify({
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: 'in-turn' },
    spec: {
      sources: { readings },
      operators: {
        days,
        score: { from: 'readings', component: 'anomaly', config: { value: 'value', window: 100 } },
      },
      sinks: {
        shown: { from: 'days', file: { path: 'days.csv' } },
        scored: { from: 'score', file: { path: 'scored.csv' } },
      },
      checkpoint: { every: '200ms', keep: 2 },
    },
  });
}

/** About ten seconds for all readings. */
const PACED: Variant = { speed: '120000x' };

describe.skipIf(missing !== undefined)(
  `run --state on two architectures${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    let directory = '';
    /** As it is published: TypeScript takes arm64 under qemu several seconds. */
    let there: StartOptions['program'];

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'cs-arm64-'));
      execFileSync(process.execPath, ['tools/build.ts', join(directory, 'dist')], { cwd: root });
      for (const name of ['package.json', 'node_modules']) symlinkSync(join(root, name), join(directory, name));
      if (arm64 !== undefined) there = [arm64.command, ...arm64.args, join(directory, 'dist/cli/bin.js')];
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    function place(name: string, variant: Variant): string {
      const cwd = join(directory, name);
      mkdirSync(cwd);
      writeFileSync(join(cwd, 'graph.json'), graph(variant));
      return cwd;
    }

    const outputOf = (cwd: string): string[] => {
      return ['days.csv', 'scored.csv'].map((file) => readFileSync(join(cwd, file), 'utf8'));
    };

    const args = ['run', 'graph.json', '--state', 'state'];

    /** Runs until it has taken a checkpoint, and has it leave off at one; what it said. */
    async function part(cwd: string, variant: Variant, options: StartOptions): Promise<string> {
      writeFileSync(join(cwd, 'graph.json'), graph(variant));
      const { child, ended } = start(args, { cwd, ...options });
      await checkpointIn(cwd, 'in-turn', ended);
      child.kill('SIGINT');
      const { status, stderr } = await ended;
      expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringContaining('stopped at checkpoint') });
      return stderr;
    }

    it('writes every row once, from the image and from the logical form', async () => {
      const expected = place('undisturbed', { speed: 'max' });
      expect(await cloudskin(['run', 'graph.json'], { cwd: expected })).toMatchObject({ status: 0 });
      const cwd = place('in-turn', PACED);
      const arm = there === undefined ? {} : { program: there };
      await part(cwd, PACED, {});
      expect(await part(cwd, PACED, arm)).toContain('goes on from checkpoint');
      expect(await part(cwd, { ...PACED, filter: 'value IS NOT NULL OR value > 1' }, {})).toContain(
        'goes on from checkpoint',
      );
      writeFileSync(join(cwd, 'graph.json'), graph({ speed: 'max' }));
      const last = await cloudskin(args, { cwd, ...arm });
      expect(last).toMatchObject({ status: 0, stderr: expect.stringContaining('goes on from checkpoint') });
      expect(outputOf(cwd)).toEqual(outputOf(expected));
    });
  },
);

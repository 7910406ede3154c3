/** `cloudskin snapshot`, as a user runs it: on the frozen checkpoints of test/golden, and on the state of a run that is stopped in the middle. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats } from '../../engine/nats/client.ts';
import { objectsStore } from '../../engine/state/blobs/objects.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { goldenRegion, goldenSnapshot } from '../kit/golden-checkpoint.ts';
import { ManualPorts } from '../kit/manual-ports.ts';
import { hasNats, startNats } from '../kit/nats-server.ts';
import { root } from '../tidy/source-files.ts';
import { checkpointIn } from './checkpoints.ts';
import { cloudskin, type Ended, scratch, start } from './command.ts';

const at = (cwd: string, ...args: string[]): Promise<Ended> => cloudskin(['snapshot', ...args], { cwd });

describe('cloudskin snapshot, of a checkpoint', () => {
  let place: string;
  beforeAll(async () => {
    place = scratch();
    cpSync(join(root, 'test/golden/checkpoints/format-1'), join(place, 'state'), { recursive: true });
    const { status, stdout, stderr } = await at(place, 'minutes', '--state', 'state', '--out', 'a.snap');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^a\.snap: .* cell valid\+minutes of plant\/machine-health, region edge, at checkpoint 2 .*epoch 65536/,
    );
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it('shows what it holds, for people and as JSON', async () => {
    const { status, stdout } = await at(place, 'inspect', 'a.snap');
    expect(status).toBe(0);
    expect(stdout).toContain('memory of 293 KiB, module aaaaaaaaaaaa: 16 pages kept, 58 of zeros');
    expect(stdout).toContain('source readings a.csv: {"byte":1234,"rows":9} and 2 rows');
    expect(stdout).toContain('other cells that had state then, which is not in it: score');
    expect(stdout).toContain('no logical form');
    const json = JSON.parse((await at(place, 'inspect', 'a.snap', '--json')).stdout);
    expect(json).toMatchObject({
      cell: 'valid+minutes',
      epoch: 65_536,
      checkpoint: 2,
      beside: ['score'],
      sealed: false,
    });
  });

  it('says what is wrong: a cell that is mistyped, a file that is there, damaged, or none, nobody named', async () => {
    const typo = await at(place, 'minuts', '--state', 'state', '--out', 'b.snap');
    expect([typo.status, typo.stderr]).toEqual([
      2,
      expect.stringMatching(/snapshot\.no-cell.*\n.*did you mean "minutes"/),
    ]);
    const there = await at(place, 'minutes', '--state', 'state', '--out', 'a.snap');
    expect([there.status, there.stderr]).toEqual([2, expect.stringContaining('snapshot.exists')]);
    const bytes = readFileSync(join(place, 'a.snap'));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
    writeFileSync(join(place, 'bad.snap'), bytes);
    const bad = await at(place, 'inspect', 'bad.snap');
    expect([bad.status, bad.stdout, bad.stderr]).toEqual([1, '', expect.stringContaining('snapshot.damaged')]);
    const none = await at(place, 'inspect', 'none.snap');
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('there is no file none.snap')]);
    const nobody = await at(place, 'minutes', '--out', 'b.snap');
    expect([nobody.status, nobody.stderr]).toEqual([2, expect.stringContaining('--state DIR')]);
  });

  it('does not put back what other cells beside it would not fit to, nor into a deployed app', async () => {
    const alone = await at(place, 'restore', 'a.snap', '--state', 'other');
    expect([alone.status, alone.stderr]).toEqual([2, expect.stringMatching(/snapshot\.beside.* score had state/)]);
    const deployed = await at(place, 'restore', 'a.snap');
    expect([deployed.status, deployed.stderr]).toEqual([
      2,
      expect.stringMatching(/snapshot\.deployed.*\n.*cloudskin restore machine-health --checkpoint 2/),
    ]);
  });
});

describe('cloudskin snapshot, of an app of a cluster', () => {
  it.skipIf(!hasNats())('finds the checkpoints in its object store (needs nats-server)', async () => {
    const place = scratch();
    const server = await startNats();
    try {
      const nats = await connectNats({ servers: server.url });
      const bucket = 'cs-state-plant_machine-health';
      const store = objectsStore(await nats.jetstream().objects(bucket), bucket);
      const saver = createSaver({ ...goldenRegion, store, ports: new ManualPorts() });
      const receipt = await saver.save(5, goldenSnapshot(1));
      const checkpoints = openCheckpoints({ ...goldenRegion, store });
      await checkpoints.complete({ id: 5, epoch: 7, revision: 1, started: 0, completed: 0 }, [receipt]);
      await checkpoints.settled();
      await nats.close();
      const where = ['--app', 'machine-health', '--namespace', 'plant', '--nats', server.url];
      const { status, stdout } = await at(place, 'score', ...where, '--out', 'a.snap', '--json');
      expect([status, JSON.parse(stdout)]).toEqual([
        0,
        expect.objectContaining({ cell: 'score', epoch: 7, checkpoint: 5 }),
      ]);
      const shown = await at(place, 'inspect', 'a.snap');
      expect([shown.status, shown.stdout]).toEqual([
        0,
        expect.stringContaining('state of minutes: 2 rows in 2 key groups'),
      ]);
    } finally {
      await server.stop();
      rmSync(place, { recursive: true, force: true });
    }
  });
});

describe('cloudskin snapshot, of a run that was stopped', () => {
  const graph = (extra: object, filter?: string): string =>
    JSON.stringify({
      apiVersion: 'cloudskin.dev/v1',
      kind: 'Dataflow',
      metadata: { name: 'shop' },
      spec: {
        sources: {
          readings: {
            generate: {
              rows: 6_000,
              start: '2024-01-01T00:00:00',
              interval: '1ms',
              columns: { id: { sequence: {} }, at: { time: {} }, machine: { keys: { count: 20, prefix: 'm' } } },
              ...extra,
            },
            time: { column: 'at' },
          },
        },
        operators: {
          ...(filter === undefined ? {} : { kept: { from: 'readings', filter } }),
          seconds: {
            from: filter === undefined ? 'readings' : 'kept',
            window: { tumbling: '10s' },
            groupBy: ['machine'],
            aggregate: { rows: 'count(*)', sum: 'sum(id)' },
          },
        },
        sinks: { shown: { from: 'seconds', file: { path: 'seconds.csv' } } },
        checkpoint: { every: '100ms' },
      },
    });
  const SLOW = { rate: 3_000 };
  let place: string;
  const write = (text: string): void => writeFileSync(join(place, 'graph.json'), text);
  const shown = (): string[] => readFileSync(join(place, 'seconds.csv'), 'utf8').split('\n').sort();
  const run = (...args: string[]): Promise<Ended> => cloudskin(['run', 'graph.json', ...args], { cwd: place });

  /** Two checkpoints further. */
  async function stopped(): Promise<void> {
    const running = start(['run', 'graph.json', '--state', 'state'], { cwd: place });
    await checkpointIn(place, 'shop', running.ended);
    await checkpointIn(place, 'shop', running.ended);
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(0);
  }

  beforeAll(async () => {
    place = scratch();
    write(graph(SLOW));
    await stopped();
    expect((await at(place, 'seconds', '--state', 'state', '--out', 'a.snap')).status).toBe(0);
    await stopped();
    expect((await at(place, 'seconds', '--state', 'state', '--out', 'b.snap', '--base', 'a.snap')).status).toBe(0);
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it('goes on elsewhere, and back where it was taken, as if nothing had been; also with other code, by its logical form', async () => {
    write(graph({}));
    expect((await run()).status).toBe(0);
    const expected = shown();
    const older = await at(place, 'restore', 'a.snap', '--state', 'state');
    expect([older.status, older.stderr]).toEqual([2, expect.stringContaining('snapshot.rolled-back')]);
    expect((await at(place, 'restore', 'a.snap', '--state', 'state', '--rewind')).status).toBe(0);
    expect((await at(place, 'restore', 'b.snap', '--base', 'a.snap', '--state', 'elsewhere')).status).toBe(0);
    expect((await at(place, 'restore', 'a.snap', '--state', 'changed')).status).toBe(0);
    for (const state of ['state', 'elsewhere', 'changed']) {
      rmSync(join(place, 'seconds.csv'), { force: true });
      write(state === 'state' ? graph(SLOW) : graph({}, state === 'changed' ? 'id >= 0' : undefined));
      const { status, stderr } = await run('--state', state);
      expect([state, status, stderr]).toEqual([state, 0, expect.anything()]);
      expect(shown()).toEqual(expected);
    }
  });

  it('shows the groups that have changed between two, and no more than asked for', async () => {
    const { status, stdout } = await at(place, 'diff', 'a.snap', 'b.snap', '--limit', '2');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /groups of seconds: 0 added, 0 removed, 20 changed\n {2}- window_start=.* machine="m\d+" .*\n {2}\+ window_start/,
    );
    expect(stdout).toContain('  and 18 more: --limit');
    const json = JSON.parse((await at(place, 'diff', 'a.snap', 'b.snap', '--json')).stdout);
    expect(json).toMatchObject({ sameCode: true, groups: [{ operator: 'seconds', changed: 20 }] });
    expect(json.pages.changed).toBeGreaterThan(0);
  });
});

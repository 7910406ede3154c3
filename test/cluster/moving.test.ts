/** Apps that leave a site, or lose one, on real processes: state goes with them, and every row comes out once. */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type AgentProcess, Continuum } from './processes.ts';

/** More than any of these tests waits for. */
const ROWS = 1_000_000;
const has = hasNats('installed');

interface Draft {
  readonly placement: string;
  readonly source?: string;
}

const graph = ({ placement, source = '' }: Draft): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: 2500, rows: ${ROWS}, columns: { id: { sequence: {} } } }, schema: { id: int64 }${source} }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out: { from: twice, file: { path: out.ndjson }, location: any }
  placement: ${placement}
  checkpoint: { every: 200ms }
`;

describe.skipIf(!has)(has ? 'an app that moves' : `an app that moves: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let edge: AgentProcess;
  beforeEach(async () => {
    continuum = await Continuum.start();
    continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
  });
  afterEach(() => continuum.close());

  function until(wanted: (region: RegionFigures) => boolean, within = 30_000): Promise<RegionFigures> {
    return continuum.until(async () => {
      const region = await continuum.region('numbers');
      return region !== undefined && wanted(region) ? region : undefined;
    }, within);
  }

  async function deploy(draft: Draft): Promise<void> {
    await continuum.ok('deploy', continuum.graph('graph.yaml', graph(draft)), '--wait', 'rows');
    await until(({ checkpoint }) => checkpoint > 1);
  }

  async function sitesOf(): Promise<Readonly<Record<string, string | undefined>>> {
    const assignment = await continuum.client.assignment({ namespace: 'default', app: 'numbers' });
    return Object.fromEntries(Object.entries(assignment?.nodes ?? {}).map(([node, [host]]) => [node, host?.site]));
  }

  /** Lets everything flow out: without a gap, without anything twice, and more than there was. */
  async function mustBeWhole(): Promise<void> {
    const { checkpoint } = await until(({ phase }) => phase === 'running');
    await until((now) => now.checkpoint > checkpoint + 1);
    const before = output().length;
    await continuum.ok('undeploy', 'numbers');
    const numbers = output();
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index));
    expect(numbers.length).toBeGreaterThan(before);
  }

  function output(): readonly number[] {
    const files = readdirSync(continuum.directory).filter((name) => name.startsWith('out'));
    const lines = files.sort().flatMap((name) => continuum.read(name).split('\n').slice(0, -1));
    return lines.map((line) => (JSON.parse(line) as { readonly id: number }).id);
  }

  it('leaves a site that is drained, but for its source, and goes on where it was', async () => {
    await deploy({ placement: '{ rows: { tier: edge } }' });
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'plant', out: 'plant' });
    const drained = await continuum.run('drain', 'plant', '--within', '15s');
    expect(drained.status).toBe(1);
    expect(drained.stderr).toContain('"rows" stays at plant: sources and sinks stay where they are');
    expect(drained.stderr).not.toContain('"twice"');
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'hub', out: 'hub' });
    expect(await continuum.ok('site', 'list')).toContain('draining');
    const refused = await continuum.run(
      'deploy',
      continuum.graph(
        'other.yaml',
        graph({ placement: '{ "*": { tier: edge } }' }).replace('name: numbers', 'name: other'),
      ),
    );
    expect(refused.stderr).toContain('placement.drained');
    await continuum.ok('drain', 'plant', '--undo');
    await mustBeWhole();
  });

  it('leaves a drained site whole where its ends may move, also when it moves on at once', async () => {
    await deploy({ placement: '{}', source: ', location: any' });
    expect(await sitesOf()).toEqual({ rows: 'hub', twice: 'hub', out: 'hub' });
    expect(await continuum.ok('drain', 'hub')).toContain('site hub is empty');
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'plant', out: 'plant' });
    await continuum.ok('drain', 'hub', '--undo');
    expect(await continuum.ok('drain', 'plant')).toContain('site plant is empty');
    expect(await sitesOf()).toEqual({ rows: 'hub', twice: 'hub', out: 'hub' });
    await mustBeWhole();
  });

  it('goes on elsewhere when its site is lost, where it may be rebuilt; who comes back late does nothing more', async () => {
    await continuum.ok('drain', 'hub');
    await deploy({ placement: '{ "*": { rebuild: true } }', source: ', location: any' });
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'plant', out: 'plant' });
    await continuum.ok('drain', 'hub', '--undo');
    const { epoch } = await until(({ phase }) => phase === 'running');
    edge.freeze();
    await until((now) => now.epoch > epoch && now.phase === 'running');
    expect(await sitesOf()).toEqual({ rows: 'hub', twice: 'hub', out: 'hub' });
    edge.thaw();
    await mustBeWhole();
  });

  it('keeps its state when it is changed so that its region is called otherwise, and says what it keeps and drops', async () => {
    const beside = 'beside: { generate: { rate: 10, columns: { id: { sequence: {} } } }, schema: { id: int64 } }';
    const more = graph({ placement: '{}' })
      .replace('  sources:', `  sources:\n    ${beside}`)
      .replace('  sinks:', '  sinks:\n    aside: { from: beside, file: { path: aside.ndjson } }');
    const deploy = (text: string, ...flags: readonly string[]) =>
      continuum.run('deploy', continuum.graph('graph.yaml', text), ...flags);
    await deploy(more, '--wait', 'rows');
    await continuum.until(
      async () => ((await continuum.region('numbers', 'from_rows'))?.checkpoint ?? 0) > 1 || undefined,
    );
    const less = graph({ placement: '{}' });
    const { stderr } = await deploy(less);
    expect(stderr).toContain('how far "beside" was read would be dropped');
    expect(stderr).toContain('what sink "aside" (file aside.ndjson, in numbered files) has written but not shown yet');
    const changed = await deploy(less, '--drop-state-of', 'beside,aside');
    expect(changed).toMatchObject({ status: 0, stdout: expect.stringContaining('keeps the state of rows; drops') });
    expect(changed.stdout).toContain(
      'what sink "aside" (file aside.ndjson, in numbered files) wrote and had not shown',
    );
    await mustBeWhole();
  });

  it('shows what a sink wrote that is not in its new graph when it begins anew', async () => {
    await deploy({ placement: '{}' });
    const renamed = graph({ placement: '{}' }).replace(
      'out: { from: twice, file: { path: out.ndjson',
      'two: { from: twice, file: { path: two.ndjson',
    );
    const before = await continuum.client.app({ namespace: 'default', app: 'numbers' });
    const nowhere = renamed.replace('placement: {}', 'placement: { twice: { site: nowhere } }');
    const refused = await continuum.run('deploy', continuum.graph('graph.yaml', nowhere), '--drop-state');
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('placement.') });
    expect(await continuum.client.app({ namespace: 'default', app: 'numbers' })).toEqual(before);
    const anew = await continuum.run(
      'deploy',
      continuum.graph('graph.yaml', renamed),
      '--drop-state',
      '--wait',
      'rows',
    );
    expect(anew).toMatchObject({ status: 0 });
    expect(anew.stdout).toMatch(/sink "out" \(file out\.ndjson.*\) has shown all that it wrote/);
    const numbers = output();
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index));
    await until(({ checkpoint }) => checkpoint > 1);
    const hidden = (): string[] => readdirSync(continuum.directory).filter((name) => name.startsWith('.two.ndjson'));
    expect(hidden()).not.toEqual([]);
    await continuum.ok('undeploy', 'numbers', '--now');
    expect(hidden()).toEqual([]);
  });
});

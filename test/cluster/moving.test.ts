/** Apps that leave a site, or lose one, on real processes: state goes with them, and every row comes out once. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Counting } from './counting.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'an app that moves' : `an app that moves: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let edge: AgentProcess;
  let app: Counting;
  let apps = 0;
  beforeAll(async () => {
    continuum = await Continuum.start();
    continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
  });
  beforeEach(() => {
    app = new Counting(continuum, `numbers-${++apps}`);
  });
  afterAll(() => continuum?.close());

  const ANY = { source: ', location: any', sink: ', location: any' };

  async function sitesOf(): Promise<Readonly<Record<string, string | undefined>>> {
    const assignment = await continuum.client.assignment({ namespace: 'default', app: app.name });
    return Object.fromEntries(Object.entries(assignment?.nodes ?? {}).map(([node, [host]]) => [node, host?.site]));
  }

  it('leaves a site that is drained, but for its source, and goes on where it was', async () => {
    await app.deploy({ placement: '{ rows: { tier: edge } }', sink: ', location: any' });
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'plant', out: 'plant' });
    const drained = await continuum.run('drain', 'plant', '--within', '15s');
    expect(drained.status).toBe(1);
    expect(drained.stderr).toContain('"rows" stays at plant: sources and sinks stay where they are');
    expect(drained.stderr).not.toContain('"twice"');
    const { stdout, status } = await continuum.run('drain', 'plant', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ site: 'plant', state: 'left', left: [{ node: 'rows' }], waits: [] });
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'hub', out: 'hub' });
    expect(await continuum.ok('site', 'list')).toContain('draining');
    const other = new Counting(continuum, 'other').graph({ placement: '{ "*": { tier: edge } }' });
    const refused = await continuum.run('deploy', continuum.graph('other.yaml', other));
    expect(refused.stderr).toContain('placement.drained');
    await continuum.ok('drain', 'plant', '--undo');
    await app.mustBeWhole();
  });

  it('leaves a drained site whole where its ends may move, also when it moves on at once', async () => {
    await app.deploy({ placement: '{}', ...ANY });
    expect(await sitesOf()).toEqual({ rows: 'hub', twice: 'hub', out: 'hub' });
    expect(await continuum.ok('drain', 'hub')).toContain('site hub is empty');
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'plant', out: 'plant' });
    await continuum.ok('drain', 'hub', '--undo');
    expect(await continuum.ok('drain', 'plant')).toContain('site plant is empty');
    expect(await sitesOf()).toEqual({ rows: 'hub', twice: 'hub', out: 'hub' });
    await continuum.ok('drain', 'plant', '--undo');
    await app.mustBeWhole();
  });

  it('goes on elsewhere when its site is lost, where it may be rebuilt; who comes back late does nothing more', async () => {
    await continuum.ok('drain', 'hub');
    await app.deploy({ placement: '{ "*": { rebuild: true } }', ...ANY });
    expect(await sitesOf()).toEqual({ rows: 'plant', twice: 'plant', out: 'plant' });
    await continuum.ok('drain', 'hub', '--undo');
    const { epoch } = await app.goesOn();
    edge.freeze();
    await app.until((now) => now.epoch > epoch && now.phase === 'running');
    expect(await sitesOf()).toEqual({ rows: 'hub', twice: 'hub', out: 'hub' });
    edge.thaw();
    await app.mustBeWhole();
  });

  it('keeps its state when it is changed so that its region is called otherwise, and says what it keeps and drops', async () => {
    const beside = 'beside: { generate: { rate: 10, columns: { id: { sequence: {} } } }, schema: { id: int64 } }';
    const more = app
      .graph({ placement: '{}' })
      .replace('  sources:', `  sources:\n    ${beside}`)
      .replace('  sinks:', '  sinks:\n    aside: { from: beside, file: { path: aside.ndjson } }');
    const deploy = (text: string, ...flags: readonly string[]) =>
      continuum.run('deploy', continuum.graph('graph.yaml', text), ...flags);
    await deploy(more, '--wait', 'rows');
    await continuum.whenRegion(app.name, ({ checkpoint }) => checkpoint > 1, { name: 'from_rows' });
    const less = app.graph({ placement: '{}' });
    const { stderr } = await deploy(less);
    expect(stderr).toContain('how far "beside" was read would be dropped');
    expect(stderr).toContain('what sink "aside" (file aside.ndjson, in numbered files) has written but not shown yet');
    const changed = await deploy(less, '--drop-state-of', 'beside,aside');
    expect(changed).toMatchObject({ status: 0, stdout: expect.stringContaining('keeps the state of rows; drops') });
    expect(changed.stdout).toContain(
      'what sink "aside" (file aside.ndjson, in numbered files) wrote and had not shown',
    );
    await app.mustBeWhole();
  });

  it('shows what a sink wrote that is not in its new graph when it begins anew', async () => {
    await app.deploy({ placement: '{}', sink: ', location: any' });
    const renamed = app
      .graph({ placement: '{}', sink: ', location: any' })
      .replace(`out: { from: twice, file: { path: ${app.name}.ndjson`, 'two: { from: twice, file: { path: two.ndjson');
    const name = { namespace: 'default', app: app.name };
    const before = await continuum.client.app(name);
    const nowhere = renamed.replace('placement: {}', 'placement: { twice: { site: nowhere } }');
    const refused = await continuum.run('deploy', continuum.graph('graph.yaml', nowhere), '--drop-state');
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('placement.') });
    expect(await continuum.client.app(name)).toEqual(before);
    const anew = await continuum.run(
      'deploy',
      continuum.graph('graph.yaml', renamed),
      '--drop-state',
      '--wait',
      'rows',
    );
    expect(anew).toMatchObject({ status: 0 });
    expect(anew.stdout).toContain(`sink "out" (file ${app.name}.ndjson`);
    expect(anew.stdout).toContain('has shown all that it wrote');
    const numbers = app.output();
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index));
    const hidden = (): string[] => readdirSync(continuum.directory).filter((name) => name.startsWith('.two'));
    await continuum.until(() => hidden().length > 0);
    await continuum.ok('undeploy', app.name, '--now');
    expect(hidden()).toEqual([]);
  });
});

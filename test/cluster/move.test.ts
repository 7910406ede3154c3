/** Operators that are moved and rescaled by command while real data flows, on real processes: what comes out is what comes out undisturbed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../index.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { hasSharedData } from '../kit/shared-data.ts';
import { mergedReadings } from '../recovery/sensors.ts';
import { Continuum } from './processes.ts';

const installed = hasNats('installed');
const has = installed && hasSharedData();
const title = 'operators that are moved by command';

/** Real readings, read at the plant, summed up wherever, shown in the cloud. */
const graph = (name: string, speed: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${name} }
spec:
  sources:
    readings:
      file: { path: readings.csv }
      schema: { at: "timestamp[s]", measured: utf8, series: utf8, value: float64 }
      time: { column: at }
      speed: ${speed}
  operators:
    labelled: { from: readings, with: { high: CASE WHEN value > 50 THEN 1 END } }
    windows:
      from: labelled
      window: { tumbling: 5m }
      groupBy: [series]
      aggregate: { rows: count(*), mean: avg(value), lo: min(value), hi: max(value), highs: count(high) }
  sinks:
    out: { from: windows, file: { path: ${name}.ndjson } }
  placement: { readings: { site: plant }, labelled: { site: plant }, out: { site: hub } }
  checkpoint: { every: 300ms }
`;

/** So many rows of the shared readings. */
const ROWS = 200_000;

interface Told {
  readonly moved: readonly { readonly entry: string; readonly to: readonly { readonly site: string }[] }[];
  readonly receipts: readonly { readonly how: string; readonly pause: number; readonly total: number }[];
}

const reason = installed ? 'the shared data are not there' : NO_NATS.installed;

describe.skipIf(!has)(has ? title : `${title}: ${reason}`, () => {
  let continuum: Continuum;
  beforeAll(async () => {
    continuum = await Continuum.start();
    continuum.agent({ site: 'hub', tier: 'cloud' });
    continuum.agent({ site: 'plant', tier: 'edge' });
    const lines = mergedReadings()
      .csv.split('\n')
      .slice(0, ROWS + 1);
    continuum.graph('readings.csv', `${lines.join('\n')}\n`);
    await continuum.ready(2);
  });
  afterAll(() => continuum?.close());

  async function told(...args: readonly string[]): Promise<Told> {
    return JSON.parse(await continuum.ok(...args, '--json')) as Told;
  }

  /** By series, in the order in which they came out. */
  function bySeries(start: string): Readonly<Record<string, readonly unknown[]>> {
    return Object.fromEntries(Map.groupBy(continuum.rows(start), ({ series }) => String(series)));
  }

  it('go back and forth and are dealt to partitions, and tell what it came to', async () => {
    await continuum.ok('deploy', continuum.graph('sensors.yaml', graph('sensors', '9000x')));
    const there = await told('move', 'windows', '--to', 'hub');
    expect(there.moved).toMatchObject([{ entry: 'windows', to: [{ site: 'hub' }] }]);
    const phases: string[] = [];
    await using api = await connect({ servers: continuum.hub.url });
    api.moves('sensors').subscribe(({ phase, receipt }) => {
      phases.push(phase);
      if (phase === 'done') expect(receipt).toMatchObject({ lost: 0, duplicated: 0 });
    });
    const dealt = await api.move('sensors', { entries: ['windows'], partitions: 2 });
    expect(dealt.assignment.nodes.windows).toMatchObject([{ site: 'hub' }, { site: 'hub' }]);
    expect(await api.move('sensors', { entries: ['windows'], partitions: 2 })).toMatchObject({ receipts: [] });
    const back = await told('move', 'windows', '--to', 'plant/plant-1', '--pause-budget', '50ms');
    expect(back.moved).toMatchObject([{ entry: 'windows', to: [{ site: 'plant' }, { site: 'plant' }] }]);
    // on a busy machine an agent may have been taken for lost meanwhile
    await continuum.whenRegion('sensors', ({ phase }) => phase === 'running' || phase === 'finished');
    for (const { receipts } of [there, dealt, back]) {
      expect(receipts).toMatchObject([{ region: 'main', lost: 0, duplicated: 0 }]);
      for (const { pause, total } of receipts) expect(total).toBeGreaterThanOrEqual(pause);
    }
    expect(phases.slice(0, 2)).toEqual(['asked', expect.stringMatching(/prepare|cut/)]);
    expect(phases.filter((phase) => phase === 'done')).toHaveLength(2);
  });

  it('are refused where the graph, or a name, stands in the way; what is so already is no change', async () => {
    const [missing, nowhere, bound, same, foreseen] = await Promise.all([
      continuum.run('move', 'window', '--to', 'hub'),
      continuum.run('move', 'windows', '--to', 'hup'),
      continuum.run('move', 'labelled', '--to', 'hub'),
      continuum.run('move', 'labelled+windows', '--to', 'plant'),
      continuum.run('move', 'windows', '--to', 'hub', '--dry-run'),
    ]);
    expect(missing).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean "windows"?') });
    expect(nowhere).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean hub?') });
    const clash = 'is on site "plant" and is on site "hub", where it is to go';
    expect(bound).toMatchObject({ status: 2, stderr: expect.stringContaining(clash) });
    expect(same).toMatchObject({ status: 0, stdout: 'labelled+windows is at plant/plant-1 x3 already\n' });
    expect(foreseen.stdout).toContain('windows: plant/plant-1 x2 -> hub/hub-1');
    expect(foreseen.stdout).toContain('nothing was changed');
    expect(await continuum.ok('status', 'sensors')).toMatch(
      /region main was moved last at revision 4: (live|restart), pause/,
    );
  });

  it('come out as undisturbed, but for the windows that were open when it was ended', async () => {
    await continuum.ok('undeploy', 'sensors');
    await continuum.ok('run', continuum.graph('plain.yaml', graph('plain', 'max')));
    const [disturbed, plain] = [bySeries('sensors'), bySeries('plain')];
    const complete = (rows: readonly unknown[]): readonly unknown[] => rows.slice(0, -1);
    expect(Object.keys(disturbed).length).toBeGreaterThan(20);
    for (const [series, rows] of Object.entries(disturbed)) {
      expect(rows.length, series).toBeGreaterThan(10);
      expect(complete(rows)).toEqual(plain[series]?.slice(0, rows.length - 1));
    }
  });
});

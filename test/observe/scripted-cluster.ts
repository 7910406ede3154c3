/** A cluster that says what a test wants, for `top`. */
import type { Watched } from '../../cli/observe/top/cluster.ts';
import type { Look } from '../../cli/observe/top/model.ts';
import type { AppName, Want } from '../../cli/observe/top/state.ts';

export class ScriptedCluster implements Watched {
  readonly wants: Want[] = [];
  readonly asked: (AppName | undefined)[] = [];
  readonly #now: () => number;
  apps: string[] = ['shop', 'sensors', 'video'];
  failing: Error | undefined;
  trouble: string | undefined;
  readonly #begun: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#begun = now() - 1_000;
  }

  want(want: Want): Promise<void> {
    this.wants.push(want);
    return Promise.resolve();
  }

  look(app: AppName | undefined): Promise<Look> {
    this.asked.push(app);
    if (this.failing !== undefined) return Promise.reject(this.failing);
    const at = this.#now();
    const [plant, hub] = this.apps
      .map((name, index) => this.#fragments(name, index, at, app?.app === name))
      .reduce<[object[], object[]]>(
        ([a, b], [x, y]) => [
          [...a, x],
          [...b, y],
        ],
        [[], []],
      );
    const agent = (site: string, tier: string, fragments: object[], coordinator: boolean) => ({
      site,
      tier,
      agent: `${site}-1`,
      workers: 2,
      labels: [],
      devices: ['cpu'],
      version: '0',
      coordinator,
      leaving: false,
      fragments,
      regions: [],
    });
    const overview = {
      agents: [agent('hub', 'cloud', hub, true), agent('plant', 'edge', plant, false)],
      at,
      silent: [],
      lease: undefined,
      sites: [],
      apps: this.apps.map((name, index) => this.#app(name, [plant[index] ?? {}, hub[index] ?? {}], at)),
    };
    return Promise.resolve({ at, overview, plan: app === undefined ? undefined : planOf() } as unknown as Look);
  }

  #fragments(app: string, index: number, at: number, nodes: boolean): [object, object] {
    const elapsed = at - this.#begun;
    const rows = elapsed * (index + 1);
    const base = {
      namespace: 'default',
      app,
      region: 'main',
      worker: 0,
      revision: 1,
      epoch: 65_536,
      phase: 'running',
      at,
    };
    const figures = {
      waiting: [],
      rowsOut: 0,
      rowsPerSecond: 1_000 * (index + 1),
      late: 0,
      errors: 0,
      memory: 2 ** 20,
    };
    const channel = {
      channel: 'c1',
      connected: true,
      rows,
      bytes: rows * 8,
      queued: 2_048 * (3 - index),
      roundTrip: 12,
    };
    const trouble = this.trouble === undefined ? {} : { trouble: { code: 'sink.failed', message: this.trouble } };
    const work = { busyTime: elapsed * 0.3, blockedTime: elapsed * 0.6, idleTime: elapsed * 0.1 };
    const node = { late: 0, errors: 0, memory: 65_536, queued: 0, ...work };
    const above = [
      { ...node, name: 'rows', kind: 'source', rowsIn: rows, rowsOut: rows, operators: [] },
      {
        ...node,
        name: 'twice',
        kind: 'cell',
        rowsIn: rows,
        rowsOut: rows,
        operators: [{ operator: 'twice', keys: 42, bytes: 9 }],
      },
    ];
    const told = nodes ? { nodes: above } : {};
    return [
      { ...base, ...figures, ...told, fragment: 'rows', rowsIn: rows, lag: 1_500, channels: [channel], ...trouble },
      { ...base, ...figures, fragment: 'halves', rowsIn: 0, rowsPerSecond: 0, channels: [{ ...channel, queued: 0 }] },
    ];
  }

  #app(app: string, fragments: readonly [object, object], at: number): object {
    const host = (site: string) => ({ region: 'main', host: { site, agent: `${site}-1`, worker: 0 } });
    const region = {
      namespace: 'default',
      app,
      region: 'main',
      deployed: 1,
      revision: 1,
      epoch: 65_536,
      phase: 'running',
      restarts: 2,
      checkpoint: 7,
      completed: at - 3_000,
      took: 40,
      bytes: 5_000,
    };
    return {
      document: { namespace: 'default', app, revision: 1, wanted: 'running' },
      assignment: {
        revision: 1,
        distributed: 'd',
        troubles: [],
        regions: { main: { leader: {}, epoch: 65_536 } },
        checkpoint: { every: 10_000, keep: 3 },
        fragments: { rows: host('plant'), halves: host('hub') },
      },
      fragments: [
        { ...fragments[0], site: 'plant', agent: 'plant-1' },
        { ...fragments[1], site: 'hub', agent: 'hub-1' },
      ],
      regions: [region],
    };
  }
}

function planOf(): object {
  const channel = { id: 'c1', from: 'rows', to: 'halves', transport: 'nats', why: '' };
  const stream = { node: 'twice', port: '' };
  return {
    fragments: [
      {
        name: 'rows',
        sources: [{ name: 'rows' }],
        cells: [{ name: 'twice' }],
        sinks: [],
        inlets: [],
        outlets: [{ stream, channels: [channel] }],
      },
      {
        name: 'halves',
        sources: [],
        cells: [{ name: 'halves' }],
        sinks: [{ name: 'out' }],
        inlets: [{ stream, channels: [channel] }],
        outlets: [],
      },
    ],
  };
}

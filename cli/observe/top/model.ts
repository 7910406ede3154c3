/** What is shown, worked out of what agents and documents say: one look at the cluster after the other, so that counts become rates. */
import type {
  AgentStatus,
  ChannelFigures,
  FragmentFigures,
  NodeFigures,
} from '../../../engine/cluster/documents/status.ts';
import type { DistributedPlan, FragmentPlan } from '../../../engine/compile/fragment-plan.ts';
import { type AppHealth, healthOf, troubleLine } from '../../cluster/health.ts';
import { type AppOverview, type MissingAgent, type Overview, revisionOf, untoldPhase } from '../../cluster/overview.ts';
import { Deltas } from './deltas.ts';
import { span } from './figures.ts';

/** One look. */
export interface Look {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly overview: Overview;
  /** Of the app that is looked into. */
  readonly plan?: DistributedPlan | undefined;
}

export interface AgentRow {
  readonly id: string;
  readonly site: string;
  readonly tier: string;
  readonly agent: string;
  readonly workers: number;
  readonly fragments: number;
  readonly rate: number;
  readonly memory: number;
  readonly notes: string;
}

export interface AppRow {
  readonly id: string;
  readonly namespace: string;
  readonly app: string;
  readonly state: string;
  readonly paused: boolean;
  readonly revision: number;
  readonly sites: string;
  readonly rate: number;
  /** Milliseconds; of the fragment that is furthest behind. */
  readonly lag: number | undefined;
  readonly queued: number;
  readonly memory: number;
  readonly late: number;
  readonly errors: number;
  readonly restarts: number;
  /** Milliseconds since the last complete checkpoint of the region that has waited longest. */
  readonly age: number | undefined;
}

/** Shares of time from 0 to 1; undefined where they are not known. */
export interface Work {
  readonly busy: number | undefined;
  readonly blocked: number | undefined;
}

export interface FragmentRow extends Work {
  readonly id: string;
  readonly place: string;
  readonly phase: string;
  readonly nodes: string;
  readonly rate: number;
  readonly lag: number | undefined;
  readonly queued: number;
  readonly memory: number;
  readonly trouble: string | undefined;
}

export interface StreamRow {
  readonly id: string;
  readonly stream: string;
  readonly from: string;
  readonly to: string;
  readonly transport: string;
  readonly connected: boolean | undefined;
  readonly rate: number;
  readonly rows: number;
  readonly queued: number;
  readonly roundTrip: number | undefined;
}

export interface NodeRow extends Work {
  readonly id: string;
  readonly kind: string;
  readonly rateIn: number;
  readonly rateOut: number;
  readonly late: number;
  readonly errors: number;
  readonly lag: number | undefined;
  readonly queued: number;
  readonly memory: number;
  readonly keys: number | undefined;
}

export interface AppModel {
  readonly at: number;
  readonly row: AppRow;
  readonly regions: AppOverview['regions'];
  readonly fragments: readonly FragmentRow[];
  readonly streams: readonly StreamRow[];
  readonly nodes: ReadonlyMap<string, readonly NodeRow[]>;
  readonly troubles: readonly string[];
}

export interface Model {
  readonly at: number;
  readonly agents: readonly AgentRow[];
  readonly apps: readonly AppRow[];
  readonly app: AppModel | undefined;
}

type Hosted = AppOverview['fragments'][number];

export class Models {
  readonly #deltas = new Deltas();

  /** `app`: the one that is looked into, as `<namespace>/<app>`. */
  next({ at, overview, plan }: Look, app: string | undefined): Model {
    const { apps } = healthOf(overview);
    const into = apps.find((one) => idOf(one.app) === app);
    const model = {
      at,
      agents: [...overview.agents.map((agent) => agentRow(agent, overview)), ...overview.silent.map(silentRow)],
      apps: apps.map((one) => appRow(one, at)),
      app: into === undefined ? undefined : this.#app(into, plan, at),
    };
    this.#deltas.turn();
    return model;
  }

  #app(health: AppHealth, plan: DistributedPlan | undefined, at: number): AppModel {
    const { app, troubles } = health;
    const planned = plan?.fragments ?? [];
    const names = Object.keys(app.assignment?.fragments ?? {});
    const fragments = names.map((name) =>
      this.#fragment(
        name,
        app,
        planned.find((one) => one.name === name),
      ),
    );
    return {
      at,
      row: appRow(health, at),
      regions: app.regions,
      fragments,
      streams: planned.flatMap((fragment) => this.#streams(fragment, app)),
      nodes: new Map(app.fragments.map((one) => [one.fragment, this.#nodes(one)])),
      troubles: troubles.map((trouble) => `${trouble.code}: ${troubleLine(trouble)}`),
    };
  }

  #fragment(name: string, app: AppOverview, plan: FragmentPlan | undefined): FragmentRow {
    const figures = app.fragments.find(({ fragment }) => fragment === name);
    const host = app.assignment?.fragments[name]?.host;
    const place = host === undefined ? '?' : `${host.site}/${host.agent}`;
    const nodes =
      plan === undefined ? name : [...plan.sources, ...plan.cells, ...plan.sinks].map((one) => one.name).join(' ');
    if (figures === undefined) {
      const nothing = { rate: 0, lag: undefined, queued: 0, memory: 0, busy: undefined, blocked: undefined };
      const region = plan?.region ?? app.assignment?.fragments[name]?.region;
      return { id: name, place, phase: untoldPhase(app, region), nodes, ...nothing, trouble: undefined };
    }
    return {
      id: name,
      place,
      phase: figures.phase,
      nodes,
      rate: this.#rowsTaken(figures, plan),
      lag: figures.lag,
      queued: queuedOf(figures),
      memory: figures.memory,
      ...this.#work(figures),
      trouble: figures.trouble === undefined ? undefined : `${figures.trouble.code}: ${figures.trouble.message}`,
    };
  }

  /** Rows a second of its sources and of what comes over channels. */
  #rowsTaken(figures: Hosted, plan: FragmentPlan | undefined): number {
    const inlets = new Set(plan?.inlets.flatMap(({ channels }) => channels.map(({ id }) => id)));
    const received = figures.channels
      .filter(({ channel }) => inlets.has(channel))
      .reduce((sum, { rows }) => sum + rows, 0);
    const rate = this.#deltas.rate(`${keyOf(figures)} rows`, figures.rowsIn + received, figures.at ?? 0);
    return rate === undefined ? figures.rowsPerSecond : rate * 1_000;
  }

  /** One thread runs it: what its nodes work adds up, and it is blocked as long as the one that is longest. */
  #work(figures: Hosted): Work {
    const { nodes, at = 0 } = figures;
    if (nodes === undefined) return { busy: undefined, blocked: undefined };
    const shares = nodes.map((node) => this.#workOf(node, keyOf(figures), at));
    const above = shares.filter((_, index) => nodes[index]?.kind !== 'sink');
    return {
      busy: Math.min(
        1,
        shares.reduce((sum, { busy = 0 }) => sum + busy, 0),
      ),
      blocked: Math.max(0, ...above.map(({ blocked = 0 }) => blocked)),
    };
  }

  /** Of the time since the last look; at the first look, of all time. */
  #workOf({ name, kind, busyTime, blockedTime, idleTime }: NodeFigures, fragment: string, at: number): Work {
    const all = busyTime + blockedTime + idleTime;
    const share = (what: string, time: number): number =>
      Math.min(1, this.#deltas.rate(`${fragment} ${kind} ${name} ${what}`, time, at) ?? (all === 0 ? 0 : time / all));
    return { busy: share('busy', busyTime), blocked: share('blocked', blockedTime) };
  }

  #nodes(figures: Hosted): readonly NodeRow[] {
    const { nodes = [], at = 0 } = figures;
    return nodes.map((node) => {
      const { name, kind, late, errors, lag, queued, memory, operators } = node;
      const rate = (what: string, count: number): number =>
        (this.#deltas.rate(`${keyOf(figures)} ${kind} ${name} ${what}`, count, at) ?? 0) * 1_000;
      const keys = operators.flatMap((operator) => operator.keys ?? []);
      return {
        id: name,
        kind,
        rateIn: rate('in', node.rowsIn),
        rateOut: rate('out', node.rowsOut),
        late,
        errors,
        lag,
        queued,
        memory,
        keys: keys.length === 0 ? undefined : keys.reduce((sum, count) => sum + count, 0),
        ...this.#workOf(node, keyOf(figures), at),
      };
    });
  }

  #streams(plan: FragmentPlan, app: AppOverview): readonly StreamRow[] {
    const figures = app.fragments.find(({ fragment }) => fragment === plan.name);
    return plan.outlets.flatMap(({ stream, channels }) =>
      channels.map(({ id, from, to, transport }) => {
        const found: ChannelFigures | undefined = figures?.channels.find(({ channel }) => channel === id);
        const rows = found?.rows ?? 0;
        const rate = this.#deltas.rate(`${app.document.namespace} ${app.document.app} ${id}`, rows, figures?.at ?? 0);
        return {
          id,
          stream: stream.port === '' ? stream.node : `${stream.node}.${stream.port}`,
          from,
          to,
          transport,
          connected: found?.connected,
          rows,
          rate: (rate ?? 0) * 1_000,
          queued: found?.queued ?? 0,
          roundTrip: found?.roundTrip,
        };
      }),
    );
  }
}

function idOf({ document: { namespace, app } }: AppOverview): string {
  return `${namespace}/${app}`;
}

function keyOf({ namespace, app, fragment, site, agent }: Hosted): string {
  return `${namespace} ${app} ${fragment} ${site} ${agent}`;
}

function queuedOf({ channels }: FragmentFigures): number {
  return channels.reduce((sum, { queued }) => sum + queued, 0);
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

const AT_REST: ReadonlySet<string> = new Set(['stopped', 'absent', 'finished']);

function agentRow(
  { site, tier, agent, workers, fragments, coordinator, leaving }: AgentStatus,
  all: Overview,
): AgentRow {
  const draining = all.sites.find((one) => one.site === site)?.draining === true;
  const notes = [
    ...(coordinator ? ['coordinator'] : []),
    ...(draining ? ['draining'] : []),
    ...(leaving ? ['leaving'] : []),
  ];
  const running = fragments.filter(({ phase }) => !AT_REST.has(phase));
  return {
    id: `${site}/${agent}`,
    site,
    tier,
    agent,
    workers,
    fragments: running.length,
    rate: sum(running, ({ rowsPerSecond }) => rowsPerSecond),
    memory: sum(running, ({ memory }) => memory),
    notes: notes.join(', '),
  };
}

function silentRow({ site, tier, agent, workers, silent }: MissingAgent): AgentRow {
  const nothing = { fragments: 0, rate: 0, memory: 0 };
  return {
    id: `${site}/${agent}`,
    site,
    tier,
    agent,
    workers,
    ...nothing,
    notes: silent === undefined ? 'does not answer' : `silent ${span(silent)}`,
  };
}

function appRow({ app, state }: AppHealth, at: number): AppRow {
  const { document, assignment, fragments, regions } = app;
  const ages = regions.flatMap(({ completed }) => (completed === undefined ? [] : [Math.max(0, at - completed)]));
  const lags = fragments.flatMap(({ lag }) => lag ?? []);
  return {
    id: idOf(app),
    namespace: document.namespace,
    app: document.app,
    state,
    paused: document.wanted === 'paused',
    revision: revisionOf(app),
    sites: [...new Set(Object.values(assignment?.fragments ?? {}).map(({ host }) => host.site))].join(','),
    rate: sum(fragments, ({ rowsPerSecond }) => rowsPerSecond),
    lag: lags.length === 0 ? undefined : Math.max(...lags),
    queued: sum(fragments, queuedOf),
    memory: sum(fragments, (one) => one.memory),
    late: sum(fragments, (one) => one.late),
    errors: sum(fragments, (one) => one.errors),
    restarts: sum(regions, (one) => one.restarts),
    age: ages.length === 0 ? undefined : Math.max(...ages),
  };
}

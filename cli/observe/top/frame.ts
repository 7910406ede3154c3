/** One frame: what a place shows, laid out for a size. */
import type { RegionFigures } from '../../../engine/cluster/documents/status.ts';
import { plural } from '../../output/figures.ts';
import type { BarStyle } from './figures.ts';
import { bytes, short, span } from './figures.ts';
import { EMPTY, type Line, type Part, plain, spread } from './line.ts';
import type { AppModel, Model } from './model.ts';
import { type Order, sorted } from './sorting.ts';
import type { AppName, Shown, TopState } from './state.ts';
import { table } from './table.ts';
import { AGENTS, APPS, fragments, nodes, STREAMS, type TableView } from './views.ts';

export interface FrameOptions {
  readonly width: number;
  /** Undefined: as many lines as there are. */
  readonly height: number | undefined;
  readonly bars: BarStyle;
  /** Where the cluster is. */
  readonly url: string;
  /** `14:03:12`. */
  readonly clock: string;
  /** Why what is shown is old. */
  readonly trouble?: string | undefined;
}

export interface Frame {
  readonly lines: readonly Line[];
  readonly shown: Shown;
}

/** Tables of a screen, the first of which the mark is in. */
interface Parts {
  readonly head: readonly Line[];
  readonly main: readonly Line[];
  readonly others: readonly (readonly Line[])[];
  readonly ids: readonly string[];
  readonly marked: string | undefined;
  readonly app: Shown['app'];
}

/** Lines of the head that an app's regions and troubles may take. */
const MOST_REGIONS = 4;
const MOST_TROUBLES = 3;

export const HELP: readonly string[] = [
  'up, down, k, j    move the mark        enter, right, l  look into it',
  'page up, down     by pages             left, h, esc     back',
  'g, G              first, last          s                sort by the next (*)',
  'p                 pause or resume      ctrl-l           draw anew',
  'q, ctrl-c         leave                ?                this',
  '',
  'LAG         how far the watermark is behind the clock',
  'QUEUED      bytes sent and not acknowledged, or waiting for a sink',
  'BUSY        share of the time that cells compute, sources read, sinks write',
  'BLOCKED     share that they wait because what is below them is full',
  'CHECKPOINT  since the last complete one: what would be done again',
  'TRIP        from sending a batch to its acknowledgement',
];

export function frame(model: Model | undefined, state: TopState, options: FrameOptions): Frame {
  if (model === undefined)
    return { lines: waiting(options), shown: { ids: [], marked: undefined, app: undefined, page: 1 } };
  const parts = partsOf(model, state, options);
  const { ids, marked, app } = parts;
  const foot = options.height === undefined ? [] : [footOf(state, options)];
  if (state.help) {
    return {
      lines: fill([...parts.head, EMPTY, ...HELP.map((text) => plain(`  ${text}`))], foot, options),
      shown: { ids, marked, app, page: 1 },
    };
  }
  const { body, page } = layOut(
    parts,
    options.height === undefined ? undefined : options.height - parts.head.length - foot.length,
  );
  return { lines: fill([...parts.head, ...body], foot, options), shown: { ids, marked, app, page } };
}

function waiting({ url, trouble, height, width }: FrameOptions): readonly Line[] {
  const why = trouble === undefined ? plain(`asks ${url} ...`, 'dim') : plain(trouble, 'red');
  return height === undefined
    ? [why]
    : fill([spread([{ text: 'cloudskin', ink: 'bold' }], url, width), why], [], { height });
}

function fill(
  lines: readonly Line[],
  foot: readonly Line[],
  { height }: Pick<FrameOptions, 'height'>,
): readonly Line[] {
  if (height === undefined) return lines;
  const room = height - foot.length;
  const gap = Array.from({ length: Math.max(0, room - lines.length) }, () => EMPTY);
  return [...lines.slice(0, room), ...gap, ...foot];
}

function footOf({ question, note, place }: TopState, { trouble }: FrameOptions): Line {
  if (question !== undefined) {
    const what = question.wanted === 'paused' ? 'pause' : 'resume';
    return plain(`${what} ${labelOf(question.app)}? y/n`, 'yellow');
  }
  if (trouble !== undefined) return plain(trouble, 'red');
  if (note !== undefined) return plain(note, 'cyan');
  const keys =
    place.kind === 'cluster' ? 'enter look into' : place.kind === 'app' ? 'enter look into  esc back' : 'esc back';
  return plain(`${keys}  s sort  p pause/resume  ? help  q leave`, 'dim');
}

export function labelOf({ namespace, app }: AppName): string {
  return namespace === 'default' ? app : `${namespace}/${app}`;
}

function partsOf(model: Model, state: TopState, options: FrameOptions): Parts {
  const { place } = state;
  if (place.kind === 'cluster') return clusterParts(model, state, options);
  const { app } = model;
  if (app === undefined) {
    const head = [
      spread([{ text: labelOf(place.app), ink: 'bold' }], options.clock, options.width),
      plain('is not there', 'red'),
    ];
    return { head, main: [], others: [], ids: [], marked: undefined, app: undefined };
  }
  return place.kind === 'app' ? appParts(app, state, options) : fragmentParts(app, place.fragment, state, options);
}

function marking<T extends { readonly id: string }>(
  rows: readonly T[],
  { columns, orders }: TableView<T>,
  state: TopState,
  { width, height }: FrameOptions,
): Pick<Parts, 'main' | 'ids' | 'marked'> {
  const { kind } = state.place;
  const order: Order<T> | undefined = orders[state.order[kind] % orders.length];
  const shown = sorted(rows, order);
  const ids = shown.map(({ id }) => id);
  const wanted = state.marked[kind];
  const marked = wanted !== undefined && ids.includes(wanted) ? wanted : ids[0];
  const selected = height === undefined || marked === undefined ? undefined : ids.indexOf(marked);
  return {
    main: table(columns, shown, { width, selected, sorted: height === undefined ? undefined : order?.title }),
    ids,
    marked,
  };
}

function clusterParts({ agents, apps }: Model, state: TopState, options: FrameOptions): Parts {
  const { width, clock, url } = options;
  const sites = new Set(agents.map(({ site }) => site)).size;
  const there: Part[] = [
    { text: 'cloudskin', ink: 'bold' },
    { text: ` ${plural(sites, 'site')}, ${plural(agents.length, 'agent')}, ${plural(apps.length, 'app')} at ${url}` },
  ];
  const marks = marking(apps, APPS, state, options);
  const app = apps.find(({ id }) => id === marks.marked);
  return {
    head: [spread(there, clock, width)],
    ...marks,
    main: apps.length === 0 ? [plain('  nothing is deployed; cloudskin deploy GRAPH does it', 'dim')] : marks.main,
    others: [
      agents.length === 0
        ? [plain('  no agent answers', 'red')]
        : table(AGENTS.columns, sorted(agents, AGENTS.orders[0]), { width }),
    ],
    app: app && { name: { namespace: app.namespace, app: app.app }, paused: app.paused },
  };
}

function appHead({ row, regions, troubles, at }: AppModel, { width, clock }: FrameOptions): readonly Line[] {
  const ink = row.state === 'running' || row.state === 'finished' ? 'green' : 'yellow';
  const first: Part[] = [
    { text: labelOf(row), ink: 'bold' },
    { text: ' ' },
    { text: row.state, ink },
    { text: `  revision ${row.revision}  ${short(row.rate)} rows/s  lag ${span(row.lag)}` },
  ];
  const lines = regions.slice(0, MOST_REGIONS).map((region) => regionText(region, regions.length > 1, at));
  return [
    spread(first, clock, width),
    ...lines.map((text) => plain(text, 'dim')),
    ...troubles.slice(0, MOST_TROUBLES).map((text) => plain(text, 'red')),
  ];
}

function regionText(figures: RegionFigures, named: boolean, at: number): string {
  const { region, phase, checkpoint, completed, took, bytes: size = 0, restarts } = figures;
  const age = completed === undefined ? '' : `, ${span(Math.max(0, at - completed))} ago`;
  const cost = took === undefined ? '' : `, took ${span(took)}, ${bytes(size)}`;
  const last = checkpoint === 0 ? 'no checkpoint yet' : `checkpoint ${checkpoint}${age}${cost}`;
  return `${named ? `${region} ${phase}: ` : ''}${last}, restarts ${restarts}`;
}

function appParts(app: AppModel, state: TopState, options: FrameOptions): Parts {
  const { row } = app;
  const { width } = options;
  return {
    head: appHead(app, options),
    ...marking(app.fragments, fragments(options.bars), state, options),
    others: app.streams.length === 0 ? [] : [table(STREAMS, app.streams, { width })],
    app: { name: { namespace: row.namespace, app: row.app }, paused: row.paused },
  };
}

function fragmentParts(app: AppModel, name: string, state: TopState, options: FrameOptions): Parts {
  const { width, clock } = options;
  const { row } = app;
  const found = app.fragments.find(({ id }) => id === name);
  const place = found === undefined ? 'is not there' : `at ${found.place}, ${found.phase}, ${short(found.rate)} rows/s`;
  const first: Part[] = [{ text: `${labelOf(row)} ${name}`, ink: 'bold' }, { text: ` ${place}` }];
  const rows = app.nodes.get(name) ?? [];
  const marks = marking(rows, nodes(options.bars), state, options);
  const streams = app.streams.filter(({ from, to }) => from === name || to === name);
  return {
    head: [spread(first, clock, width), ...(found?.trouble === undefined ? [] : [plain(found.trouble, 'red')])],
    ...marks,
    main: rows.length === 0 ? [plain('  its agent tells nothing of its nodes', 'dim')] : marks.main,
    others: streams.length === 0 ? [] : [table(STREAMS, streams, { width })],
    app: { name: { namespace: row.namespace, app: row.app }, paused: row.paused },
  };
}

/** The first table gets what it needs, but leaves a third of the lines to the others; its mark is always seen. */
function layOut(
  { main, others }: Parts,
  room: number | undefined,
): { readonly body: readonly Line[]; readonly page: number } {
  const below = others.flatMap((lines) => [EMPTY, ...lines]);
  if (room === undefined) return { body: [EMPTY, ...main, ...below], page: main.length };
  const least = Math.min(below.length, Math.floor(room / 3));
  const height = Math.max(2, Math.min(main.length, room - 1 - least));
  const at = main.findIndex(({ selected }) => selected === true);
  const [heading = EMPTY, ...rows] = main;
  const page = Math.max(1, height - 1);
  const from = Math.max(0, Math.min(at - Math.ceil(page / 2), rows.length - page));
  return { body: [EMPTY, heading, ...rows.slice(from, from + page), ...below].slice(0, room), page };
}

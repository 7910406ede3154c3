/** The tables of the screens: their columns, and what they can be sorted by. */
import { type BarStyle, bar, bytes, short, span, state } from './figures.ts';
import type { AgentRow, AppRow, FragmentRow, NodeRow, StreamRow } from './model.ts';
import type { Order } from './sorting.ts';
import type { Column } from './table.ts';

export interface TableView<T> {
  readonly columns: readonly Column<T>[];
  readonly orders: readonly Order<T>[];
}

const count = (value: number): string => (value === 0 ? '-' : short(value));

export const AGENTS: TableView<AgentRow> = {
  columns: [
    { title: 'SITE', cell: ({ site }) => site, flexible: true },
    { title: 'TIER', cell: ({ tier }) => tier, spare: 3 },
    { title: 'AGENT', cell: ({ agent }) => agent, flexible: true },
    { title: 'WORKERS', cell: ({ workers }) => String(workers), right: true, spare: 2 },
    { title: 'FRAGMENTS', cell: ({ fragments }) => String(fragments), right: true, spare: 1 },
    { title: 'ROWS/S', cell: ({ rate }) => short(rate), right: true },
    { title: 'MEMORY', cell: ({ memory }) => bytes(memory), right: true },
    { title: '', cell: ({ notes }) => notes },
  ],
  orders: [{ title: 'SITE', by: ({ id }) => id }],
};

export const APPS: TableView<AppRow> = {
  columns: [
    {
      title: 'APP',
      cell: ({ namespace, app }) => (namespace === 'default' ? app : `${namespace}/${app}`),
      flexible: true,
    },
    { title: 'STATE', cell: (row) => state(row.state) },
    { title: 'REV', cell: ({ revision }) => String(revision), right: true, spare: 6 },
    { title: 'SITES', cell: ({ sites }) => sites, spare: 7, flexible: true },
    { title: 'ROWS/S', cell: ({ rate }) => short(rate), right: true },
    { title: 'LAG', cell: ({ lag }) => span(lag), right: true },
    { title: 'QUEUED', cell: ({ queued }) => bytes(queued), right: true },
    { title: 'MEMORY', cell: ({ memory }) => bytes(memory), right: true, spare: 4 },
    { title: 'LATE', cell: ({ late }) => count(late), right: true, spare: 5 },
    { title: 'ERRORS', cell: ({ errors }) => count(errors), right: true, spare: 3 },
    { title: 'CHECKPOINT', cell: ({ age }) => span(age), right: true, spare: 2 },
    { title: 'RESTARTS', cell: ({ restarts }) => count(restarts), right: true, spare: 1 },
  ],
  orders: [
    { title: 'APP', by: ({ id }) => id },
    { title: 'ROWS/S', by: ({ rate }) => rate },
    { title: 'LAG', by: ({ lag = -1 }) => lag },
    { title: 'QUEUED', by: ({ queued }) => queued },
    { title: 'MEMORY', by: ({ memory }) => memory },
  ],
};

export function fragments(style: BarStyle): TableView<FragmentRow> {
  return {
    columns: [
      { title: 'FRAGMENT', cell: ({ id }) => id, flexible: true },
      { title: 'AGENT', cell: ({ place }) => place, flexible: true },
      { title: 'PHASE', cell: ({ phase }) => state(phase) },
      { title: 'ROWS/S', cell: ({ rate }) => short(rate), right: true },
      { title: 'LAG', cell: ({ lag }) => span(lag), right: true },
      { title: 'QUEUED', cell: ({ queued }) => bytes(queued), right: true },
      { title: 'MEMORY', cell: ({ memory }) => bytes(memory), right: true, spare: 2 },
      { title: 'BUSY, BLOCKED', cell: (row) => bar(row, style), spare: 1 },
      { title: 'CELLS', cell: ({ nodes }) => nodes, spare: 3, flexible: true },
    ],
    orders: [
      { title: 'FRAGMENT', by: ({ id }) => id },
      { title: 'ROWS/S', by: ({ rate }) => rate },
      { title: 'LAG', by: ({ lag = -1 }) => lag },
      { title: 'QUEUED', by: ({ queued }) => queued },
      { title: 'MEMORY', by: ({ memory }) => memory },
      { title: 'BUSY, BLOCKED', by: ({ busy = -1 }) => busy },
    ],
  };
}

export const STREAMS: readonly Column<StreamRow>[] = [
  { title: 'STREAM', cell: ({ stream }) => stream, flexible: true },
  { title: 'FROM > TO', cell: ({ from, to }) => `${from} > ${to}`, flexible: true },
  { title: 'BY', cell: ({ transport }) => transport, spare: 2 },
  {
    title: 'UP',
    cell: ({ connected }) => (connected === undefined ? '?' : connected ? 'yes' : { text: 'no', ink: 'red' }),
  },
  { title: 'ROWS/S', cell: ({ rate }) => short(rate), right: true },
  { title: 'ROWS', cell: ({ rows }) => short(rows), right: true, spare: 3 },
  { title: 'QUEUED', cell: ({ queued }) => bytes(queued), right: true },
  { title: 'TRIP', cell: ({ roundTrip }) => span(roundTrip), right: true, spare: 1 },
];

export function nodes(style: BarStyle): TableView<NodeRow> {
  return {
    columns: [
      { title: 'NODE', cell: ({ id }) => id, flexible: true },
      { title: 'KIND', cell: ({ kind }) => kind, spare: 4 },
      { title: 'IN/S', cell: ({ rateIn }) => short(rateIn), right: true },
      { title: 'OUT/S', cell: ({ rateOut }) => short(rateOut), right: true },
      { title: 'LATE', cell: ({ late }) => count(late), right: true, spare: 5 },
      { title: 'ERRORS', cell: ({ errors }) => count(errors), right: true, spare: 3 },
      { title: 'LAG', cell: ({ lag }) => span(lag), right: true },
      { title: 'QUEUED', cell: ({ queued }) => bytes(queued), right: true, spare: 6 },
      { title: 'MEMORY', cell: ({ memory }) => bytes(memory), right: true, spare: 2 },
      { title: 'KEYS', cell: ({ keys }) => (keys === undefined ? '-' : short(keys)), right: true, spare: 1 },
      { title: 'BUSY, BLOCKED', cell: (row) => bar(row, style) },
    ],
    orders: [
      { title: 'IN/S', by: ({ rateIn }) => rateIn },
      { title: 'LAG', by: ({ lag = -1 }) => lag },
      { title: 'MEMORY', by: ({ memory }) => memory },
      { title: 'KEYS', by: ({ keys = -1 }) => keys },
      { title: 'BUSY, BLOCKED', by: ({ busy = -1 }) => busy },
    ],
  };
}

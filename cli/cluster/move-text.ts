/** What a move came to, for people and for programs. */
import { receiptsOf } from '../../engine/cluster/await-move.ts';
import type { ForeseenMove } from '../../engine/cluster/coordinator/try-moving.ts';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { MoveReceipt } from '../../engine/cluster/documents/status.ts';
import type { Host } from '../../engine/compile/fragment-plan.ts';
import { plural, size } from '../output/figures.ts';
import { columns } from '../output/table.ts';
import type { FoundCell } from './find-cell.ts';
import type { AppOverview } from './overview.ts';

export interface MoveResult {
  readonly found: FoundCell;
  readonly foreseen: ForeseenMove;
  readonly document: AppDocument;
  readonly after: AppOverview;
}

export interface MovedJson {
  readonly app: string;
  readonly namespace: string;
  readonly revision: number;
  readonly moved: readonly { readonly entry: string; readonly from: readonly Host[]; readonly to: readonly Host[] }[];
  readonly receipts: readonly (MoveReceipt & { readonly region: string })[];
}

/** Times in milliseconds. A region without a receipt did not run, or began anew. */
export function moveJson({ found, document, after }: MoveResult): MovedJson {
  const { namespace, app } = found.name;
  const before = found.assignment.nodes;
  const moved = Object.entries(after.assignment?.nodes ?? {}).flatMap(([entry, to]) => {
    const from = before[entry] ?? [];
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ entry, from, to }];
  });
  const receipts = receiptsOf(document, after.regions);
  return { app, namespace, revision: document.revision, moved, receipts };
}

export function moveText(result: MoveResult, width: number | undefined): string {
  const { moved, receipts } = moveJson(result);
  const lines = moved.map(({ entry, from, to }) => `${entry}: ${placesText(from)} -> ${placesText(to)}\n`).join('');
  const runs = result.after.regions.some(({ phase }) => phase === 'running');
  const none = runs
    ? 'no receipt was told: a region began anew, or its leader changed'
    : 'nothing ran: there was no pause';
  if (receipts.length === 0) return `${lines}${none}\n`;
  return `${lines}${receiptsText(receipts, width)}`;
}

export function receiptsText(receipts: MovedJson['receipts'], width: number | undefined): string {
  const rows = receipts.map(({ region, how, pause, total, bytes, rounds, lost, duplicated }) => [
    region,
    how,
    timeText(pause),
    timeText(total),
    size(bytes),
    String(rounds),
    String(lost),
    String(duplicated),
  ]);
  const heading = ['REGION', 'HOW', 'PAUSE', 'TOTAL', 'BYTES', 'ROUNDS', 'LOST', 'DUPLICATED'];
  return columns([heading, ...rows], [2, 3, 4, 5, 6, 7], width);
}

/** Nothing has to be done. */
export function sameText(cell: string, { assignment, entries }: FoundCell, wish: { readonly site?: string }): string {
  const hosts = entries.flatMap((entry) => assignment.nodes[entry] ?? []);
  const what = wish.site === undefined ? `in ${plural(hosts.length, 'partition')}` : `at ${placesText(hosts)}`;
  return `${cell} is ${what} already\n`;
}

export function sameJson({ name, overview }: FoundCell): string {
  const { revision } = overview.document;
  return `${JSON.stringify({ app: name.app, namespace: name.namespace, revision, moved: [], receipts: [] })}\n`;
}

/** `plant/a`, with several partitions `plant/a x2, plant/b`. */
export function placesText(hosts: readonly Host[]): string {
  const counts = new Map<string, number>();
  for (const { site, agent } of hosts) counts.set(`${site}/${agent}`, (counts.get(`${site}/${agent}`) ?? 0) + 1);
  return [...counts].map(([place, many]) => (many === 1 ? place : `${place} x${many}`)).join(', ');
}

/** Milliseconds as `0.42 ms`, `37 ms`, `2.1 s`. */
export function timeText(milliseconds: number): string {
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(2).replace(/\.?0+$/, '') : milliseconds.toFixed(0)} ms`;
}

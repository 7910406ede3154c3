/** `snapshot diff`: what differs between two snapshots of cells. */
import { userError } from '../../engine/errors.ts';
import { PAGE } from '../../engine/state/checkpoint/pages.ts';
import type { OpenedSnapshot } from '../../engine/state/snapshot/format.ts';
import { bytesText } from '../checkpoints/list.ts';
import { count, plural } from '../output/figures.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { type FileFlags, openSnapshotFile } from './files.ts';
import { type Group, groupsOf } from './logical.ts';
import { originText, positionsOf } from './texts.ts';

export interface DiffFlags extends FileFlags {
  readonly limit: string;
}

interface Changed<T> {
  readonly name: string;
  /** Undefined: it was not, or is no more. */
  readonly before: T | undefined;
  readonly after: T | undefined;
}

interface Difference {
  readonly before: string;
  readonly after: string;
  readonly sameCode: boolean;
  /** Of all partitions. */
  readonly pages: { readonly changed: number; readonly of: number; readonly bytes: number };
  readonly positions: readonly Changed<string>[];
  /** By operator; absent where one of the two has no logical form. `shown` are the first ones of all. */
  readonly groups?: readonly {
    readonly operator: string;
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    readonly shown: readonly Changed<string>[];
  }[];
}

/** Throws `snapshot.other-cell` where they are not of the same cell. */
export async function diffSnapshots(
  before: string,
  after: string,
  flags: DiffFlags,
  terminal: Terminal,
): Promise<void> {
  const limit = Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 0)
    throw userError('cli.usage', `--limit ${flags.limit}: expected a number from 0 on`);
  const progress = new Progress(terminal, flags.json === true);
  progress.step(`comparing ${before} with ${after}`);
  try {
    // a difference is most often of the other one
    const files = [
      await openSnapshotFile(before, { base: after, ...flags }),
      await openSnapshotFile(after, { base: before, ...flags }),
    ] as const;
    const difference = await compare(files[0], files[1], limit);
    progress.end();
    await terminal.out(flags.json === true ? `${JSON.stringify(difference)}\n` : textOf(difference));
  } finally {
    progress.end();
  }
}

async function compare(before: OpenedSnapshot, after: OpenedSnapshot, limit: number): Promise<Difference> {
  for (const part of ['namespace', 'app', 'cell'] as const) {
    if (before[part] !== after[part])
      throw userError('snapshot.other-cell', `one is of ${part} ${before[part]}, the other of ${after[part]}`);
  }
  const [was, is] = [await groupsOf(before), await groupsOf(after)];
  const modules = [before, after].map(({ head }) =>
    [...new Set(Object.values(head.images).map(({ module }) => module))].join(),
  );
  return {
    before: originText(before),
    after: originText(after),
    sameCode: modules[0] === modules[1],
    pages: pagesChanged(before, after),
    positions: changes(positionsOf(before.fragments), positionsOf(after.fragments)),
    ...(was === undefined || is === undefined ? {} : { groups: groupsChanged(was, is, limit) }),
  };
}

function pagesChanged(before: OpenedSnapshot, after: OpenedSnapshot): Difference['pages'] {
  let [changed, of, bytes] = [0, 0, 0];
  const fragments = new Set([...before.fragments, ...after.fragments].map(({ fragment }) => fragment));
  for (const fragment of fragments) {
    const [was, is] = [before, after].map((file) => Buffer.from(memoryOf(file, fragment)));
    if (was === undefined || is === undefined) continue;
    for (let from = 0; from < Math.max(was.length, is.length); from += PAGE) {
      of += 1;
      const [a, b] = [was.subarray(from, from + PAGE), is.subarray(from, from + PAGE)];
      if (a.equals(b)) continue;
      changed += 1;
      for (let at = 0; at < PAGE; at++) if ((a[at] ?? 0) !== (b[at] ?? 0)) bytes += 1;
    }
  }
  return { changed, of, bytes };
}

function memoryOf({ fragments, cell }: OpenedSnapshot, fragment: string): ArrayBufferLike {
  const memory = fragments.find((one) => one.fragment === fragment)?.cells.get(cell)?.image?.memory;
  return memory?.buffer ?? new ArrayBuffer(0);
}

function changes(was: ReadonlyMap<string, string>, is: ReadonlyMap<string, string>): readonly Changed<string>[] {
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((name) => {
    const [before, after] = [was.get(name), is.get(name)];
    return before === after ? [] : [{ name, before, after }];
  });
}

function groupsChanged(
  was: ReadonlyMap<string, readonly Group[]>,
  is: ReadonlyMap<string, readonly Group[]>,
  limit: number,
): NonNullable<Difference['groups']> {
  return [...new Set([...was.keys(), ...is.keys()])].map((operator) => {
    const all = changes(valuesOf(was.get(operator)), valuesOf(is.get(operator)));
    const added = all.filter(({ before }) => before === undefined).length;
    const removed = all.filter(({ after }) => after === undefined).length;
    return { operator, added, removed, changed: all.length - added - removed, shown: all.slice(0, limit) };
  });
}

/** By key; of rows that are there several times, as those of a join may be, each has its number. */
function valuesOf(groups: readonly Group[] = []): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  return new Map(
    groups.map(({ key, value }) => {
      const number = (counts.get(key) ?? 0) + 1;
      counts.set(key, number);
      return [number === 1 ? key : `${key} (${number})`, value];
    }),
  );
}

function textOf({ before, after, sameCode, pages, positions, groups }: Difference): string {
  const lines = [`- ${before}`, `+ ${after}`];
  if (!sameCode) lines.push('the code of the cell is another');
  lines.push(`${count(pages.changed)} of ${plural(pages.of, 'page')} changed, ${bytesText(pages.bytes)}`);
  for (const one of positions) lines.push(`${one.name}: ${one.before ?? 'not there'} -> ${one.after ?? 'not there'}`);
  for (const { operator, added, removed, changed, shown } of groups ?? []) {
    lines.push(`groups of ${operator}: ${count(added)} added, ${count(removed)} removed, ${count(changed)} changed`);
    for (const one of shown) lines.push(...groupLines(one));
    const rest = added + removed + changed - shown.length;
    if (rest > 0) lines.push(`  and ${count(rest)} more: --limit`);
  }
  if (groups === undefined) lines.push('no groups are compared: one of the two has no logical form');
  return `${lines.join('\n')}\n`;
}

function groupLines({ name, before, after }: Changed<string>): readonly string[] {
  return [
    ...(before === undefined ? [] : [`  - ${name} ${before}`.trimEnd()]),
    ...(after === undefined ? [] : [`  + ${name} ${after}`.trimEnd()]),
  ];
}

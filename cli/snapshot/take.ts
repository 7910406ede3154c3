/** `snapshot CELL --out FILE`: one cell out of the newest sound checkpoint. */
import { existsSync } from 'node:fs';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import type { Manifest } from '../../engine/state/checkpoint/checkpoints.ts';
import type { FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';
import { hasState } from '../../engine/state/snapshot/fit.ts';
import type { CellSnapshotFile } from '../../engine/state/snapshot/format.ts';
import { readFrame } from '../../engine/state/snapshot/read.ts';
import { writeSnapshot } from '../../engine/state/snapshot/write.ts';
import { bytesText } from '../checkpoints/list.ts';
import { type CheckpointFlags, type Place, withApp, withDirectory } from '../checkpoints/place.ts';
import { count } from '../output/figures.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { readKeyFile } from '../place/key-file.ts';
import { openBase, writeSnapshotFile } from './files.ts';
import { imageText, originText } from './texts.ts';

export interface TakeFlags extends CheckpointFlags {
  readonly state?: string;
  readonly app?: string;
  readonly base?: string;
  /** Of an app of a cluster: it takes a checkpoint first. */
  readonly now?: boolean;
  readonly out: string;
}

/** Throws `snapshot.where`, `snapshot.no-cell`, `snapshot.several`, and what checkpoints and files throw. */
export async function takeSnapshot(cell: string, flags: TakeFlags, terminal: Terminal): Promise<void> {
  const progress = new Progress(terminal, flags.json === true);
  try {
    if (flags.now === true) await takeCheckpoint(flags, progress, terminal);
    await withStates(flags, async (place) => {
      const file = await findCell(place, cell, flags.app, progress);
      await write(file, flags, progress, terminal);
    });
  } finally {
    progress.end();
  }
}

async function takeCheckpoint(flags: TakeFlags, progress: Progress, terminal: Terminal): Promise<void> {
  const { app, state, namespace = 'default' } = flags;
  if (app === undefined || state !== undefined) {
    throw userError('snapshot.where', '--now is for an app of a cluster', { hint: '--app APP, and no --state' });
  }
  progress.step(`asking for a checkpoint of ${app}`);
  const { changeApp, checkpointsOf, isTaken } = await import('../cluster/change-app.ts');
  const silent: Terminal = { ...terminal, live: false, out: () => Promise.resolve(), err: () => undefined };
  await changeApp(app, { ...flags, namespace, timeout: '60s' }, silent, {
    change: (client, name) => client.checkpoint(name),
    done: isTaken,
    doing: 'asking for a checkpoint of',
    late: 'checkpoint.not-done',
    is: checkpointsOf,
  });
}

async function withStates({ state, ...flags }: TakeFlags, use: (place: Place) => Promise<void>): Promise<void> {
  if (state !== undefined) {
    if (existsSync(state)) return withDirectory(state, flags, use);
    throw userError('snapshot.where', `there is no directory ${state}`);
  }
  if (flags.app !== undefined) return withApp(flags.app, flags, use);
  throw userError('snapshot.where', 'whose cell is not said', {
    hint: '--state DIR of a run that keeps its state, or --app APP of a cluster',
  });
}

interface Found {
  readonly manifest: Manifest;
  readonly fragments: readonly FragmentSnapshot[];
}

async function findCell(
  place: Place,
  word: string,
  app: string | undefined,
  progress: Progress,
): Promise<CellSnapshotFile> {
  const known = new Set<string>();
  const found: CellSnapshotFile[] = [];
  for (const region of place.regions) {
    if (app !== undefined && region.app !== app) continue;
    progress.step(`checking the newest checkpoint of region ${region.region}`);
    const { manifest } = await region.checkpoints.newest();
    if (manifest === undefined) continue;
    const fragments: FragmentSnapshot[] = [];
    for (const { fragment } of manifest.fragments) fragments.push(await region.checkpoints.load(manifest, fragment));
    const names = new Set(fragments.flatMap(({ cells }) => [...cells.keys()]));
    for (const name of names) for (const part of name.split('+')) known.add(part);
    for (const name of cellsNamed(word, names)) found.push(fileOf(name, { manifest, fragments }));
  }
  const [first, second] = found;
  if (first === undefined) throw noCell(word, known, place);
  if (second === undefined) return first;
  const where = found.map(({ namespace, app: of, region }) => `${namespace}/${of} region ${region}`).join(', ');
  throw userError('snapshot.several', `there are several cells ${word}: ${where}`, {
    hint: 'say which: --app, --namespace',
  });
}

/** Those that a word means: a cell, one of its operators, or an entry of the graph, of whose cells the join or component has the state. */
function cellsNamed(word: string, names: ReadonlySet<string>): readonly string[] {
  const own = [`${word}/join`, `${word}/component`].filter((name) => names.has(name));
  return own.length > 0 ? own : [...names].filter((name) => name === word || name.split('+').includes(word));
}

function noCell(word: string, known: ReadonlySet<string>, { description }: Place): Error {
  const hint =
    known.size === 0 ? 'there is no complete checkpoint yet; the first one may be under way' : didYouMean(word, known);
  return userError('snapshot.no-cell', `no checkpoint in ${description} has a cell ${word}`, { ...defined({ hint }) });
}

function fileOf(cell: string, { manifest, fragments }: Found): CellSnapshotFile {
  const { namespace, app, region, epoch, revision, id, started } = manifest;
  const beside = new Set(
    fragments.flatMap(({ cells }) =>
      [...cells].flatMap(([name, snapshot]) => (name === cell || !hasState(snapshot) ? [] : [name])),
    ),
  );
  const alone = fragments.map((fragment) => ({
    ...fragment,
    cells: new Map([...fragment.cells].filter(([name]) => name === cell)),
  }));
  return {
    namespace,
    app,
    region,
    cell,
    epoch,
    revision,
    checkpoint: id,
    taken: started,
    beside: [...beside],
    fragments: alone,
  };
}

async function write(file: CellSnapshotFile, flags: TakeFlags, progress: Progress, terminal: Terminal): Promise<void> {
  const { out, json, base: basePath } = flags;
  if (existsSync(out)) throw userError('snapshot.exists', `${out} is there already`, { hint: 'give another --out' });
  const key = await readKeyFile(flags.keyFile);
  const base = basePath === undefined ? undefined : await openBase(basePath, flags);
  const onProgress = (pages: number, of: number): void =>
    progress.step(`packing pages: ${count(pages)} of ${count(of)}`);
  const parts = await writeSnapshot(file, { ...defined({ base, key }), onProgress });
  progress.step(`writing ${out}`);
  const bytes = await writeSnapshotFile(out, parts);
  const { head } = await readFrame(Buffer.concat(parts), { name: out, ...defined({ key }) });
  progress.end();
  if (json === true) return terminal.out(`${JSON.stringify({ ...head, out, bytes })}\n`);
  const images = Object.entries(head.images).map(([fragment, size]) => `  ${fragment}: ${imageText(size)}\n`);
  await terminal.out(`${out}: ${bytesText(bytes)}, ${originText(head)}\n${images.join('')}`);
}

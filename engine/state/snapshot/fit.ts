/** Whether a snapshot may take the place of what there is. */
import type { Schema } from '../../batch/types.ts';
import { type CloudskinError, userError } from '../../errors.ts';
import { stringifyValue } from '../../json.ts';
import type { CellSnapshot } from '../checkpoint/state.ts';
import type { CellSnapshotFile } from './format.ts';

/** Where a snapshot is to go. What is absent is not known, and not asked for. */
export interface SnapshotTarget {
  readonly namespace?: string;
  readonly app?: string;
  readonly cell?: string;
  /** Of the code that runs there: hex SHA-256. */
  readonly module?: string;
  /** Of the rows that come in, by input. */
  readonly inputs?: readonly Schema[];
  /** How far what is there has come. */
  readonly epoch?: number;
  readonly checkpoint?: number;
}

/**
 * Throws `snapshot.other-cell`, `snapshot.other-schema`, `snapshot.rolled-back`, or `snapshot.foreign-module`, the last where neither the module is the same nor a logical form
 * there or to be had (the plan of the former cell is in the snapshot).
 */
export function mustFit(file: CellSnapshotFile, target: SnapshotTarget): void {
  for (const part of ['namespace', 'app', 'cell'] as const) {
    const wanted = target[part];
    if (wanted !== undefined && file[part] !== wanted) throw otherCell(file, part, wanted);
  }
  for (const cell of cellsOf(file)) {
    if (target.inputs !== undefined) mustBeSame(file, inputsOf(cell), target.inputs);
    const { image, logical, plan } = cell;
    const isForeign = target.module !== undefined && image !== undefined && image.module !== target.module;
    if (isForeign && logical === undefined && plan === undefined) throw foreignModule(file.cell);
  }
  if (isOlder(file, target)) throw rolledBack(file, target);
}

export function cellsOf({ fragments, cell }: CellSnapshotFile): readonly CellSnapshot[] {
  return fragments.flatMap(({ cells }) => cells.get(cell) ?? []);
}

/** What a snapshot's plan of its cell says, as far as it is looked at here. */
interface Planned {
  readonly input?: Schema;
  readonly operators?: readonly {
    readonly inputSchemas?: readonly Schema[];
    readonly steps?: readonly { readonly kind: string }[];
  }[];
}

/** Of the rows that came in, by input, as far as the plan of the cell says; none where there is no plan. */
export function inputsOf({ plan }: CellSnapshot): readonly Schema[] {
  const { input, operators = [] } = (plan ?? {}) as Planned;
  return operators[0]?.inputSchemas ?? (input === undefined ? [] : [input]);
}

/** False of a cell that does no more than filter and compute: its image has nothing that another cell's rows would have to fit to. */
export function hasState({ image, logical, plan }: CellSnapshot): boolean {
  if ((image ?? logical) === undefined) return false;
  const steps = (plan as Planned | undefined)?.operators?.flatMap((operator) => operator.steps ?? []);
  return steps === undefined || steps.some(({ kind }) => kind !== 'filter' && kind !== 'project');
}

function isOlder(file: CellSnapshotFile, { epoch, checkpoint = 0 }: SnapshotTarget): boolean {
  if (epoch === undefined) return false;
  return file.epoch < epoch || (file.epoch === epoch && file.checkpoint < checkpoint);
}

function mustBeSame({ cell }: CellSnapshotFile, was: readonly Schema[], is: readonly Schema[]): void {
  if (was.length === 0 || was.map(columnsOf).join() === is.map(columnsOf).join()) return;
  throw userError('snapshot.other-schema', `the snapshot is of a cell ${cell} that reads other columns`, {
    hint: `it reads ${was.map(namesOf).join('; and ')}, here ${is.map(namesOf).join('; and ')} come`,
  });
}

function columnsOf({ fields }: Schema): string {
  return stringifyValue(fields.map(({ name, type }) => [name, { ...type, arrow: undefined }]));
}

function namesOf({ fields }: Schema): string {
  return fields.map(({ name, type }) => `${name} ${type.kind === 'foreign' ? type.text : type.kind}`).join(', ');
}

function otherCell(file: CellSnapshotFile, part: 'namespace' | 'app' | 'cell', wanted: string): CloudskinError {
  return userError('snapshot.other-cell', `the snapshot is of ${part} ${file[part]}, not of ${wanted}`);
}

export function foreignModule(cell: string, cause?: unknown): CloudskinError {
  return userError(
    'snapshot.foreign-module',
    `the snapshot of ${cell} is an image that only the very same code can take`,
    {
      hint: 'go on with the graph and the version that it was taken of',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

function rolledBack(file: CellSnapshotFile, { epoch = 0, checkpoint }: SnapshotTarget): CloudskinError {
  const past = checkpoint === undefined ? '' : ` and checkpoint ${checkpoint}`;
  return userError(
    'snapshot.rolled-back',
    `the snapshot is of epoch ${file.epoch} and checkpoint ${file.checkpoint}; ${file.app} has come to epoch ${epoch}${past}`,
    { hint: 'what was read since would be counted again or be missing' },
  );
}

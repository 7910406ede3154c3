/** `snapshot inspect`: what a snapshot holds, after every byte of it was checked. */

import { cellsOf, inputsOf } from '../../engine/state/snapshot/fit.ts';
import type { OpenedSnapshot, Section } from '../../engine/state/snapshot/format.ts';
import { bytesText } from '../checkpoints/list.ts';
import { plural } from '../output/figures.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { type FileFlags, openSnapshotFile } from './files.ts';
import { countsOf } from './logical.ts';
import { imageText, originText, positionsOf } from './texts.ts';

export async function inspectSnapshot(path: string, flags: FileFlags, terminal: Terminal): Promise<void> {
  const progress = new Progress(terminal, flags.json === true);
  progress.step(`checking ${path}`);
  try {
    const file = await openSnapshotFile(path, flags);
    const counts = await countsOf(file);
    progress.end();
    await terminal.out(flags.json === true ? `${JSON.stringify(plainOf(file, counts))}\n` : textOf(path, file, counts));
  } finally {
    progress.end();
  }
}

type Counts = Awaited<ReturnType<typeof countsOf>>;

function plainOf(file: OpenedSnapshot, counts: Counts): object {
  const { head, digest, size, sealed } = file;
  return {
    ...head,
    digest,
    size,
    sealed,
    ...packing(head.sections),
    cells: cellsOf(file).map(({ image, watermark, ended }) => ({
      ...(image === undefined ? {} : { module: image.module, globals: image.globals.size }),
      ...(watermark === undefined ? {} : { watermark: String(watermark) }),
      ...(ended === true ? { ended } : {}),
    })),
    positions: Object.fromEntries(positionsOf(file.fragments)),
    ...(counts === undefined
      ? {}
      : {
          logical: [...counts].map(([operator, byKeyGroup]) => {
            return { operator, rows: sumOf(byKeyGroup), byKeyGroup: Object.fromEntries(byKeyGroup) };
          }),
        }),
  };
}

function sumOf(counts: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

function packing(sections: readonly Section[]): { readonly packed: number; readonly unpacked: number } {
  const sum = (of: (section: Section) => number): number => sections.reduce((total, section) => total + of(section), 0);
  return { packed: sum(({ bytes }) => bytes), unpacked: sum(({ plain }) => plain) };
}

function textOf(path: string, file: OpenedSnapshot, counts: Counts): string {
  const { head, size, sealed, digest } = file;
  const { packed, unpacked } = packing(head.sections);
  const raw = head.sections.filter(({ codec }) => codec === 'none').length;
  const gain =
    packed === unpacked
      ? 'not packed'
      : `packed to ${((100 * packed) / Math.max(1, unpacked)).toFixed(0)} % of ${bytesText(unpacked)}`;
  const lines = [
    `${path}: ${originText(head)}`,
    `${bytesText(size)}, sound${sealed ? ', sealed' : ''}, checksum ${digest.slice(0, 12)}, ${gain}${raw === 0 ? '' : `, ${plural(raw, 'section')} as it is`}`,
  ];
  if (head.base !== undefined) lines.push(`a difference of the snapshot with the checksum ${head.base.slice(0, 12)}`);
  if (head.beside.length > 0)
    lines.push(`other cells that had state then, which is not in it: ${head.beside.join(', ')}`);
  for (const [fragment, image] of Object.entries(head.images)) lines.push(`fragment ${fragment}: ${imageText(image)}`);
  for (const cell of cellsOf(file)) lines.push(...cellLines(cell));
  for (const [name, position] of positionsOf(file.fragments)) lines.push(`${name}: ${position}`);
  for (const [operator, all] of counts ?? []) {
    lines.push(`state of ${operator}: ${plural(sumOf(all), 'row')} in ${plural(all.size, 'key group')}`);
  }
  if (counts === undefined) lines.push('no logical form: only the very same code can take it');
  return `${lines.join('\n')}\n`;
}

function cellLines(cell: ReturnType<typeof cellsOf>[number]): readonly string[] {
  const { watermark, ended, image } = cell;
  const lines: string[] = [];
  if (image !== undefined && image.globals.size > 0) lines.push(`${plural(image.globals.size, 'global')}`);
  if (watermark !== undefined)
    lines.push(`watermark ${new Date(Number(watermark / 1000n)).toISOString()}${ended === true ? ', ended' : ''}`);
  const inputs = inputsOf(cell).map(({ fields }) => fields.map(({ name }) => name).join(', '));
  if (inputs.length > 0) lines.push(`reads ${inputs.join('; and ')}`);
  return lines;
}

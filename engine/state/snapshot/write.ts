/** Writes the snapshot of a cell (format.ts). */
import { createHash } from 'node:crypto';
import { stringifyValue } from '../../json.ts';
import { pack } from '../blobs/bytes.ts';
import { PAGE } from '../checkpoint/pages.ts';
import { type EncodedCell, encodeLogical, encodeSnapshot } from '../checkpoint/snapshot-bytes.ts';
import type { CellImage, CellSnapshot, FragmentSnapshot } from '../checkpoint/state.ts';
import {
  type CellSnapshotFile,
  FORMAT,
  HERE,
  type ImageSize,
  IN_BASE,
  LEAD,
  MAGIC,
  type OpenedSnapshot,
  type Section,
  type SnapshotHead,
  ZEROS,
} from './format.ts';
import { keptPages, kindsOf } from './pages-of.ts';
import { seal } from './seal.ts';

export interface WriteOptions {
  /** Pages that are as in it are left out. Of the same cell; its own pages have to be all there. */
  readonly base?: OpenedSnapshot;
  /** 32 bytes; the file is sealed. */
  readonly key?: Uint8Array;
  /** Pages written so far, of all that are kept. */
  readonly onProgress?: (pages: number, of: number) => void;
}

interface KeptImage {
  readonly fragment: string;
  readonly image: CellImage;
  readonly memory: Uint8Array;
  readonly kinds: Uint8Array;
}

/** The file's bytes, in parts that follow each other. */
export async function writeSnapshot(
  file: CellSnapshotFile,
  options: WriteOptions = {},
): Promise<readonly Uint8Array[]> {
  const { base, key, onProgress } = options;
  const images = file.fragments.flatMap((fragment) => keptImage(fragment, file.cell, base));
  const parts: Uint8Array[] = [];
  const sections: Section[] = [];
  const add = async (kind: Section['kind'], bytes: Uint8Array): Promise<void> => {
    const { codec, packed } = await pack(bytes);
    // the pages are in a buffer that is used again
    parts.push(packed === bytes ? bytes.slice() : packed);
    sections.push({ kind, codec, bytes: packed.length, plain: bytes.length });
  };
  for (const fragment of file.fragments) await add('state', stateOf(fragment, images));
  const all = images.reduce((sum, { kinds }) => sum + countOf(kinds, HERE), 0);
  let written = 0;
  for (const pages of keptPages(images)) {
    await add('pages', pages);
    written += pages.length / PAGE;
    onProgress?.(written, all);
  }
  const whole = framed(headOf(file, images, sections, base), parts);
  return key === undefined ? whole : seal(whole, key);
}

function keptImage(fragment: FragmentSnapshot, cell: string, base: OpenedSnapshot | undefined): readonly KeptImage[] {
  const image = fragment.cells.get(cell)?.image;
  if (image === undefined) return [];
  const before = base?.fragments.find((one) => one.fragment === fragment.fragment)?.cells.get(cell)?.image;
  const kinds = kindsOf(image, before?.module === image.module ? before.memory : undefined);
  return [{ fragment: fragment.fragment, image, memory: image.memory, kinds }];
}

function stateOf(fragment: FragmentSnapshot, images: readonly KeptImage[]): Uint8Array {
  const table = images.find((one) => one.fragment === fragment.fragment)?.kinds;
  const cells = [...fragment.cells].map(([name, cell]) => [name, encodedCell(cell, table)] as const);
  const { checkpoint: _, ...rest } = fragment;
  return Buffer.concat(encodeSnapshot({ ...rest, cells: new Map(cells), blobs: [] }));
}

function encodedCell({ image, logical, ...rest }: CellSnapshot, table: Uint8Array | undefined): EncodedCell {
  const states = logical === undefined ? {} : { logical: encodeLogical(logical) };
  if (image === undefined || table === undefined) return { ...rest, ...states };
  const { memory, ...of } = image;
  return { ...rest, ...states, image: { ...of, length: memory.length, pageSize: PAGE, table } };
}

function headOf(
  { fragments: _, ...origin }: CellSnapshotFile,
  images: readonly KeptImage[],
  sections: readonly Section[],
  base: OpenedSnapshot | undefined,
): SnapshotHead {
  const sizes = images.map(({ fragment, image, kinds }): readonly [string, ImageSize] => {
    const counts = { zeros: countOf(kinds, ZEROS), here: countOf(kinds, HERE), inBase: countOf(kinds, IN_BASE) };
    return [fragment, { module: image.module, length: image.memory.length, ...counts }];
  });
  const isDifference = sizes.some(([, { inBase }]) => inBase > 0);
  return {
    ...origin,
    images: Object.fromEntries(sizes),
    sections,
    ...(isDifference && base !== undefined ? { base: base.digest } : {}),
  };
}

function framed(head: SnapshotHead, sections: readonly Uint8Array[]): readonly Uint8Array[] {
  const text = Buffer.from(stringifyValue(head));
  const lead = Buffer.alloc(LEAD);
  MAGIC.copy(lead);
  lead.writeUInt32LE(FORMAT, MAGIC.length);
  lead.writeUInt32LE(text.length, MAGIC.length + 4);
  const parts = [lead, text, ...sections];
  const digest = parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
  return [...parts, digest];
}

function countOf(kinds: Uint8Array, kind: number): number {
  let count = 0;
  for (const one of kinds) if (one === kind) count += 1;
  return count;
}

/** Reads the snapshot of a cell (format.ts); nothing of a file is believed before its checksum is found right. */
import { CloudskinError, messageOf } from '../../errors.ts';
import { parseValue } from '../../json.ts';
import { checksum, unpack } from '../blobs/bytes.ts';
import { isSealed } from '../blobs/encrypted.ts';
import { BUFFER_PAGES, PAGE } from '../checkpoint/pages.ts';
import { decodeSnapshot, type StoredImage, type StoredSnapshot } from '../checkpoint/snapshot-bytes.ts';
import type { CellImage, CellSnapshot, FragmentSnapshot } from '../checkpoint/state.ts';
import { damaged, newer, noBase, noKey, noSnapshot } from './errors.ts';
import { FORMAT, LEAD, MAGIC, type OpenedSnapshot, type SnapshotHead, TRAILER } from './format.ts';
import { headOf } from './head.ts';
import { PageSource } from './pages-of.ts';
import { unseal } from './seal.ts';

export interface ReadOptions {
  /** For messages: the file's name. */
  readonly name: string;
  readonly key?: Uint8Array;
  /** The snapshot that this one is a difference of, if it is one. */
  readonly base?: OpenedSnapshot;
}

/** Bytes that a state may unpack to, and of a memory: what Wasm has addresses for. */
const LARGEST_STATE = 2 ** 31 - 1;
const LARGEST_MEMORY = 4 * 2 ** 30;

/** A file's head, with how the rest of it lies. */
export interface SnapshotFrame {
  readonly head: SnapshotHead;
  readonly digest: string;
  readonly sealed: boolean;
  /** One a section, packed. */
  readonly sections: readonly Uint8Array[];
}

/**
 * The head alone, after all bytes were checked. Rejects with `snapshot.damaged`, `snapshot.newer`, `snapshot.sealed` (no key), `state.wrong-key` or
 * `state.not-sealed`.
 */
export async function readFrame(bytes: Uint8Array, { name, key }: ReadOptions): Promise<SnapshotFrame> {
  const sealed = isSealed(bytes);
  if (sealed && key === undefined) throw noKey(name);
  // what is not sealed is taken as it is, also where there is a key: it is for those that are
  const plain = sealed && key !== undefined ? await unseal(bytes, key, name) : bytes;
  const { head, digest, start } = await readHead(plain, name);
  let at = start;
  const sections = head.sections.map(({ bytes: length }) => {
    at += length;
    return plain.subarray(at - length, at);
  });
  if (at !== plain.length - TRAILER) throw damaged(name, 'its length is not what it says');
  return { head, digest, sealed, sections };
}

async function readHead(
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly head: SnapshotHead; readonly digest: string; readonly start: number }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < LEAD + TRAILER || !MAGIC.equals(buffer.subarray(0, MAGIC.length))) throw noSnapshot(name);
  const digest = buffer.toString('hex', buffer.length - TRAILER);
  if ((await checksum(buffer.subarray(0, -TRAILER))) !== digest) throw damaged(name, 'its checksum is wrong');
  const format = buffer.readUInt32LE(MAGIC.length);
  if (format > FORMAT) throw newer(name, format);
  const start = LEAD + buffer.readUInt32LE(MAGIC.length + 4);
  try {
    return { head: headOf(parseValue(buffer.toString('utf8', LEAD, start))), digest, start };
  } catch (error) {
    throw damaged(name, messageOf(error));
  }
}

/** Everything. Rejects as `readFrame` does, and with `snapshot.base` where it is a difference of another snapshot than the one that is given. */
export async function readSnapshot(bytes: Uint8Array, options: ReadOptions): Promise<OpenedSnapshot> {
  const { name, base } = options;
  const { head, digest, sealed, sections } = await readFrame(bytes, options);
  if (head.base !== undefined && head.base !== base?.digest) throw noBase(name, head.base);
  try {
    const unpacked = await unpackAll(head, sections);
    const states = unpacked.filter((_, index) => head.sections[index]?.kind === 'state').map(decodeSnapshot);
    const pages = new PageSource(unpacked.filter((_, index) => head.sections[index]?.kind === 'pages'));
    const fragments = states.map((state) => withMemories(state, pages, head.base === undefined ? undefined : base));
    pages.end();
    const { images: _, base: __, sections: ___, ...origin } = head;
    return { ...origin, head, digest, sealed, size: bytes.length, fragments };
  } catch (error) {
    if (error instanceof CloudskinError && error.code.startsWith('snapshot.')) throw error;
    throw damaged(name, messageOf(error));
  }
}

async function unpackAll(head: SnapshotHead, sections: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (const [index, { kind, codec, plain }] of head.sections.entries()) {
    const most = kind === 'pages' ? BUFFER_PAGES * PAGE : LARGEST_STATE;
    const packed = sections[index];
    const bytes = packed === undefined || plain > most ? undefined : await unpack(packed, codec, plain);
    if (bytes?.length !== plain) throw new Error(`section ${index} cannot be unpacked`);
    all.push(bytes);
  }
  return all;
}

function withMemories(state: StoredSnapshot, pages: PageSource, base: OpenedSnapshot | undefined): FragmentSnapshot {
  const before = base?.fragments.find(({ fragment }) => fragment === state.fragment);
  const cells = [...state.cells].map(([name, { image, ...cell }]): [string, CellSnapshot] => {
    if (image === undefined) return [name, cell];
    return [name, { ...cell, image: imageOf(image, pages, before?.cells.get(name)?.image?.memory) }];
  });
  const { blobs: _, ...rest } = state;
  return { ...rest, cells: new Map(cells) };
}

function imageOf(stored: StoredImage, pages: PageSource, base: Uint8Array | undefined): CellImage {
  const { table, length, pageSize, ...of } = stored;
  if (length > LARGEST_MEMORY) throw new Error(`a memory of ${length} bytes cannot be`);
  if (pageSize !== PAGE || table.length !== Math.ceil(length / PAGE)) throw new Error('its page table is none');
  const memory = new Uint8Array(length);
  pages.fill(memory, table, base);
  return { ...of, memory };
}

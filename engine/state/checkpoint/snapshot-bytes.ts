/**
 * A fragment's snapshot as bytes, its memories left out:
 *
 *     | "CSS1" | bytes of the description, u32 | description, JSON | parts, one after the other |
 *
 * The description refers to parts (Arrow messages, frozen output, page tables) by their number; their lengths stand in it. JSON that is the
 * connectors' own is text in it, because `stringifyValue` does not take every object.
 */

import type { Batch } from '../../batch/batch.ts';
import { decodeSchema, encodeSchema, IpcDecoder, IpcEncoder } from '../../batch/ipc.ts';
import { copyBatch } from '../../batch/reader.ts';
import { type Json, parseValue, stringifyValue } from '../../json.ts';
import type { PageBlob } from './page-table.ts';
import type {
  CellSnapshot,
  FragmentSnapshot,
  InletState,
  LogicalState,
  OutletState,
  PartitionState,
  SinkSnapshot,
} from './state.ts';

const MAGIC = Buffer.from('CSS1', 'latin1');
const HEAD = 8;

/** A cell's memory as the snapshot describes it: the pages are in blobs of their own. */
export interface StoredImage {
  readonly module: string;
  readonly globals: ReadonlyMap<string, number | bigint>;
  readonly host: Json;
  readonly ranges?: readonly (readonly [number, number])[];
  readonly length: number;
  readonly pageSize: number;
  /** Where its pages are in `blobs` of the snapshot (page-table.ts). */
  readonly table: Uint8Array;
}

export interface StoredCell extends Omit<CellSnapshot, 'image'> {
  readonly image?: StoredImage;
}

/** A snapshot without its memories; of `frozen` output and logical rows everything is a copy. */
export interface StoredSnapshot extends Omit<FragmentSnapshot, 'cells'> {
  readonly cells: ReadonlyMap<string, StoredCell>;
  readonly blobs: readonly PageBlob[];
}

interface LogicalText extends Omit<LogicalState, 'schema' | 'batches'> {
  readonly schema: number;
  readonly batches: readonly number[];
}

class Parts {
  readonly list: Uint8Array[] = [];

  add(bytes: Uint8Array): number {
    this.list.push(bytes);
    return this.list.length - 1;
  }
}

/** Logical rows as messages, copied out of whatever they are views of. */
export function encodeLogical(states: readonly LogicalState[]): readonly EncodedLogical[] {
  return states.map(({ schema, batches, ...rest }) => {
    const encoder = new IpcEncoder(schema);
    return { ...rest, schema: encodeSchema(schema), batches: batches.map((batch) => encoder.encode(batch).slice()) };
  });
}

export interface EncodedLogical extends Omit<LogicalState, 'schema' | 'batches'> {
  readonly schema: Uint8Array;
  readonly batches: readonly Uint8Array[];
}

export interface EncodedCell extends Omit<StoredCell, 'logical'> {
  readonly logical?: readonly EncodedLogical[];
}

export interface EncodedSnapshot extends Omit<FragmentSnapshot, 'cells'> {
  readonly cells: ReadonlyMap<string, EncodedCell>;
  readonly blobs: readonly PageBlob[];
}

export function encodeSnapshot(snapshot: EncodedSnapshot): readonly Uint8Array[] {
  const parts = new Parts();
  const cells = [...snapshot.cells].map(([name, { image, logical, ...rest }]) => {
    const states = logical?.map(({ schema, batches, ...more }) => {
      return { ...more, schema: parts.add(schema), batches: batches.map((batch) => parts.add(batch)) };
    });
    const stored = image && { ...image, host: JSON.stringify(image.host), table: parts.add(image.table) };
    return [name, { ...rest, logical: states, image: stored }] as const;
  });
  const sinks = [...snapshot.sinks].map(([name, { prepared, frozen }]) => {
    return [name, { prepared: JSON.stringify(prepared), frozen: frozen.map((bytes) => parts.add(bytes)) }] as const;
  });
  const sources = eachPosition<Json, string>(snapshot.sources, JSON.stringify);
  const whole = {
    ...snapshot,
    sources,
    cells: new Map(cells),
    sinks: new Map(sinks),
    ...endsAs<Json, string>(snapshot, JSON.stringify),
  };
  const lengths = parts.list.map(({ length }) => length);
  const description = Buffer.from(stringifyValue({ snapshot: whole, parts: lengths }));
  const head = Buffer.alloc(HEAD);
  MAGIC.copy(head);
  head.writeUInt32LE(description.length, MAGIC.length);
  return [head, description, ...parts.list];
}

/** Throws any error where the bytes are no snapshot; the caller names the blob. */
export function decodeSnapshot(bytes: Uint8Array): StoredSnapshot {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!MAGIC.equals(buffer.subarray(0, MAGIC.length))) throw new Error('it is no snapshot');
  const end = HEAD + buffer.readUInt32LE(MAGIC.length);
  const { snapshot, parts } = parseValue(buffer.toString('utf8', HEAD, end)) as DecodedText;
  const list = cut(bytes, end, parts);
  const part = (index: number): Uint8Array => {
    const found = list[index];
    if (found === undefined) throw new Error('a part is missing');
    return found;
  };
  const cells = [...snapshot.cells].map(([name, { image, logical, ...rest }]): [string, StoredCell] => {
    const states = logical?.map((state) => decodeLogical(state, part));
    const stored = image && { ...image, host: JSON.parse(image.host), table: part(image.table) };
    return [name, { ...rest, ...(stored && { image: stored }), ...(states && { logical: states }) }];
  });
  const sinks = [...snapshot.sinks].map(([name, { prepared, frozen }]): [string, SinkSnapshot] => {
    return [name, { prepared: JSON.parse(prepared), frozen: frozen.map(part) }];
  });
  const sources = eachPosition<string, Json>(snapshot.sources, JSON.parse);
  return {
    ...snapshot,
    sources,
    cells: new Map(cells),
    sinks: new Map(sinks),
    ...endsAs<string, Json>(snapshot, JSON.parse),
  };
}

/** Of durable channels, with what their ends keep written otherwise. */
interface Ends<P> {
  readonly outlets?: ReadonlyMap<string, Omit<OutletState, 'sent'> & { readonly sent: P }>;
  readonly inlets?: ReadonlyMap<string, Omit<InletState, 'taken'> & { readonly taken: P }>;
}

function endsAs<P, Q>({ outlets, inlets }: Ends<P>, change: (state: P) => Q): Ends<Q> {
  const sent = outlets && [...outlets].map(([id, state]) => [id, { ...state, sent: change(state.sent) }] as const);
  const taken = inlets && [...inlets].map(([id, state]) => [id, { ...state, taken: change(state.taken) }] as const);
  return { ...(sent && { outlets: new Map(sent) }), ...(taken && { inlets: new Map(taken) }) };
}

type Sources<P> = ReadonlyMap<
  string,
  { readonly partitions: ReadonlyMap<string, Omit<PartitionState, 'position'> & { readonly position?: P }> }
>;

function eachPosition<P, Q>(sources: Sources<P>, change: (position: P) => Q): Sources<Q> {
  const changed = [...sources].map(([name, source]) => {
    const partitions = [...source.partitions].map(([partition, { position, ...rest }]) => {
      return [partition, position === undefined ? rest : { ...rest, position: change(position) }] as const;
    });
    return [name, { ...source, partitions: new Map(partitions) }] as const;
  });
  return new Map(changed);
}

interface TextImage extends Omit<StoredImage, 'table' | 'host'> {
  readonly table: number;
  readonly host: string;
}

interface TextCell extends Omit<StoredCell, 'image' | 'logical'> {
  readonly image?: TextImage;
  readonly logical?: readonly LogicalText[];
}

interface DecodedText {
  readonly snapshot: Omit<StoredSnapshot, 'cells' | 'sinks' | 'sources' | 'outlets' | 'inlets'> &
    Ends<string> & {
      readonly sources: Sources<string>;
      readonly cells: ReadonlyMap<string, TextCell>;
      readonly sinks: ReadonlyMap<string, { readonly prepared: string; readonly frozen: readonly number[] }>;
    };
  readonly parts: readonly number[];
}

function decodeLogical(
  { schema: at, batches, ...rest }: LogicalText,
  part: (index: number) => Uint8Array,
): LogicalState {
  const schema = decodeSchema(part(at));
  const decoder = new IpcDecoder(schema);
  return { ...rest, schema, batches: batches.map((index): Batch => copyBatch(decoder.decode(part(index)))) };
}

function cut(bytes: Uint8Array, start: number, lengths: readonly number[]): Uint8Array[] {
  let at = start;
  const parts = lengths.map((length) => {
    at += length;
    return new Uint8Array(bytes.subarray(at - length, at));
  });
  if (at !== bytes.length) throw new Error('its length is not what it says');
  return parts;
}

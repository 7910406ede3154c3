/**
 * The instruction set of core Wasm, as far as is needed to walk through a function: what follows each opcode. Covers version 2.0 with
 * SIMD, relaxed SIMD, bulk memory, reference types, multi-value, sign extension and saturating conversions, tail calls, multi-memory and
 * threads. Garbage collection, exceptions and typed function references are refused by name.
 *
 * Source: WebAssembly Core Specification 3.0, "Binary Format: Instructions".
 */
import type { ByteReader } from './binary.ts';

/** What an instruction means to the walk. `hidden`: it changes a table, or takes a segment away, which no copy of memory and globals shows. */
export type Flow = 'plain' | 'open' | 'loop' | 'end' | 'call' | 'hidden';

const enumerate = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

const INDEX = new Set([0x0c, 0x0d, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x3f, 0x40, 0xd2]);
const BARE = new Set([0x00, 0x01, 0x05, 0x0f, 0x1a, 0x1b, 0xd1, ...enumerate(0x45, 0xc4)]);

const REFUSED: Readonly<Record<number, string>> = {
  6: 'try (legacy exceptions)',
  7: 'catch (legacy exceptions)',
  8: 'throw (exceptions)',
  9: 'rethrow (legacy exceptions)',
  10: 'throw_ref (exceptions)',
  20: 'call_ref (typed function references)',
  21: 'return_call_ref (typed function references)',
  24: 'delegate (legacy exceptions)',
  25: 'catch_all (legacy exceptions)',
  31: 'try_table (exceptions)',
  211: 'ref.eq (garbage collection)',
  212: 'ref.as_non_null (typed function references)',
  213: 'br_on_null (typed function references)',
  214: 'br_on_non_null (typed function references)',
  251: 'garbage collection',
};

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

/** Alignment with an optional memory index, then an offset of up to 64 bits. */
function skipMemarg(reader: ByteReader): void {
  const align = reader.u32();
  if ((align & 0x40) !== 0) reader.u32();
  reader.skipLeb();
}

/** Immediates of the instructions behind 0xfc, in 32-bit indices. */
const MISC_INDICES = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
/** data.drop, table.init, elem.drop, table.copy, table.grow, table.fill. */
const MISC_HIDDEN = new Set([9, 12, 13, 14, 15, 17]);

function readMisc(reader: ByteReader): Flow {
  const opcode = reader.u32();
  const indices = MISC_INDICES[opcode];
  if (indices === undefined) reader.fail(`unknown instruction 0xfc ${hex(opcode)}`);
  for (let i = 0; i < indices; i++) reader.u32();
  return MISC_HIDDEN.has(opcode) ? 'hidden' : 'plain';
}

function skipSimd(reader: ByteReader): void {
  const opcode = reader.u32();
  if (opcode > 0x113) reader.fail(`unknown instruction 0xfd ${hex(opcode)}`);
  if (opcode <= 11 || opcode === 92 || opcode === 93) skipMemarg(reader);
  else if (opcode === 12 || opcode === 13) reader.skip(16);
  else if (opcode >= 21 && opcode <= 34) reader.skip(1);
  else if (opcode >= 84 && opcode <= 91) {
    skipMemarg(reader);
    reader.skip(1);
  }
}

function skipAtomic(reader: ByteReader): void {
  const opcode = reader.u32();
  if (opcode === 3) reader.skip(1);
  else if (opcode <= 2 || (opcode >= 0x10 && opcode <= 0x4e)) skipMemarg(reader);
  else reader.fail(`unknown instruction 0xfe ${hex(opcode)}`);
}

function skipBranchTable(reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i <= count; i++) reader.u32();
}

function skipSelectTypes(reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) reader.s33();
}

/** Constants and prefixed instructions; anything that is left is unknown. */
function skipOther(opcode: number, reader: ByteReader): void {
  if (opcode >= 0x28 && opcode <= 0x3e) skipMemarg(reader);
  else if (opcode === 0x0e) skipBranchTable(reader);
  else if (opcode === 0x1c) skipSelectTypes(reader);
  else if (opcode === 0x41 || opcode === 0x42) reader.skipLeb();
  else if (opcode === 0x43) reader.skip(4);
  else if (opcode === 0x44) reader.skip(8);
  else if (opcode === 0xd0) reader.s33();
  else if (opcode === 0xfd) skipSimd(reader);
  else if (opcode === 0xfe) skipAtomic(reader);
  else reader.fail(`unsupported instruction ${REFUSED[opcode] ?? hex(opcode)}`);
}

/** Reads one instruction with its immediates and says what it does to the nesting of blocks. */
export function readInstruction(reader: ByteReader): Flow {
  const opcode = reader.u8();
  if (BARE.has(opcode)) return 'plain';
  if (INDEX.has(opcode)) {
    reader.u32();
    return 'plain';
  }
  switch (opcode) {
    case 0x02:
    case 0x04:
      reader.s33();
      return 'open';
    case 0x03:
      reader.s33();
      return 'loop';
    case 0x0b:
      return 'end';
    case 0x26:
      reader.u32();
      return 'hidden';
    case 0xfc:
      return readMisc(reader);
    case 0x10:
    case 0x12:
      reader.u32();
      return 'call';
    case 0x11:
    case 0x13:
      reader.u32();
      reader.u32();
      return 'call';
    default:
      skipOther(opcode, reader);
      return 'plain';
  }
}

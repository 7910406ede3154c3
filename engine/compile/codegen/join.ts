/**
 * A join as a module: no code of its own, but what the support module's join (support/assembly/join.ts) goes by, as data: the sides, their columns
 * and keys, the window and the output port.
 */
import { isVariable, type Schema } from '../../batch/types.ts';
import type { JoinSide, JoinStep } from '../../graph/plan.ts';
import { columnOf } from '../state/join-state.ts';
import { unitsOf } from '../state/join-window.ts';
import { FORM_BITS, FORM_BYTES, FORM_FIXED } from '../support/assembly/control.ts';
import {
  JOIN_HEAD,
  JOIN_OUT_MICROS,
  JOIN_OUT_TICKS,
  JOIN_PORT,
  JOIN_SIDES,
  JOIN_SIZE,
  JOINED_NULLS,
  SIDE_COLUMN,
  SIDE_COLUMNS,
  SIDE_FIRST_SLOT,
  SIDE_FIXED,
  SIDE_GREATEST,
  SIDE_HEAD,
  SIDE_KEY_LIST,
  SIDE_KEYS,
  SIDE_LEAST,
  SIDE_MICROS,
  SIDE_OUTPUT,
  SIDE_TICKS,
  SIDE_TIME,
  SIDE_TIME_IS_END,
} from '../support/assembly/join-layout.ts';
import { CodeModule } from './code-module.ts';
import { layOutPort, type Port } from './ports.ts';
import { widthShift } from './types.ts';

const MICROS = 1_000_000n;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export interface GeneratedJoin {
  readonly bytes: Uint8Array;
  /** Where the join's head lies. */
  readonly join: number;
  readonly port: Port;
  /** Where the allocator's blocks begin. */
  readonly heap: number;
}

export function generateJoin(step: JoinStep): GeneratedJoin {
  const code = new CodeModule([], []);
  const join = code.memory.reserve(JOIN_HEAD);
  const port = layOutPort(code, 0, step.output);
  const head = new DataView(new ArrayBuffer(JOIN_HEAD));
  head.setUint32(JOIN_PORT, port.head, true);
  for (const [which, side] of step.sides.entries()) {
    const at = code.memory.reserve(SIDE_HEAD + (side.input.fields.length * SIDE_COLUMN + side.keys.length * 4));
    head.setUint32(JOIN_SIDES + which * 4, at, true);
    code.builder.segment(at, sideTable(step, which, side, at));
  }
  const scale = scaleOf(unitsOf(step.output.fields[1]?.type));
  head.setBigInt64(JOIN_SIZE, step.window.size, true);
  head.setBigInt64(JOIN_OUT_TICKS, scale.ticks, true);
  head.setBigInt64(JOIN_OUT_MICROS, scale.micros, true);
  code.builder.segment(join, new Uint8Array(head.buffer));
  return { bytes: code.builder.encode(), join, port, heap: code.memory.end };
}

/** Bytes of a record in front of the columns' slots. */
export function firstSlot({ fields }: Schema): number {
  return JOINED_NULLS + Math.ceil(fields.length / 64) * 8;
}

function sideTable(
  step: JoinStep,
  which: number,
  { input, columns, time, timeIsEnd, keys }: JoinSide,
  at: number,
): Uint8Array {
  const keyList = SIDE_HEAD + input.fields.length * SIDE_COLUMN;
  const table = new DataView(new ArrayBuffer(keyList + keys.length * 4));
  const word = (offset: number, value: number): void => table.setUint32(offset, value, true);
  word(SIDE_COLUMNS, input.fields.length);
  word(SIDE_OUTPUT, columns);
  word(SIDE_KEYS, keys.length);
  word(SIDE_KEY_LIST, at + keyList);
  word(SIDE_TIME, time);
  word(SIDE_TIME_IS_END, timeIsEnd === true ? 1 : 0);
  word(SIDE_FIXED, firstSlot(input) + input.fields.length * 8);
  word(SIDE_FIRST_SLOT, firstSlot(input));
  const scale = scaleOf(unitsOf(input.fields[time]?.type));
  table.setBigInt64(SIDE_TICKS, scale.ticks, true);
  table.setBigInt64(SIDE_MICROS, scale.micros, true);
  const [least, greatest] = timesOf(step, scale, timeIsEnd === true ? 1n : 0n);
  table.setBigInt64(SIDE_LEAST, least, true);
  table.setBigInt64(SIDE_GREATEST, greatest, true);
  for (const [column, { type }] of input.fields.entries()) {
    const form = type.kind === 'bool' ? FORM_BITS : isVariable(type) ? FORM_BYTES : FORM_FIXED;
    word(SIDE_HEAD + column * SIDE_COLUMN, form);
    word(SIDE_HEAD + column * SIDE_COLUMN + 4, type.kind === 'bool' ? 0 : widthShift(type));
  }
  for (const key of keys.keys()) word(keyList + key * 4, columnOf(step, which, key));
  return new Uint8Array(table.buffer);
}

interface Scale {
  /** Ticks in a microsecond where they are finer, else 1. */
  readonly ticks: bigint;
  /** Microseconds in a tick where it is coarser, else 1. */
  readonly micros: bigint;
}

function scaleOf(perSecond: bigint): Scale {
  return perSecond > MICROS ? { ticks: perSecond / MICROS, micros: 1n } : { ticks: 1n, micros: MICROS / perSecond };
}

/** The least and the greatest time, in ticks of a side, whose window has bounds that fit int64 in microseconds and in the output's unit. */
function timesOf({ window: { size }, output }: JoinStep, scale: Scale, shift: bigint): readonly [bigint, bigint] {
  const out = scaleOf(unitsOf(output.fields[1]?.type));
  const first = ceilDivide(INT64_MIN, out.ticks * size) * size;
  const last = (INT64_MAX / (out.ticks * size)) * size - 1n;
  const [least, greatest] =
    scale.ticks > 1n
      ? [first * scale.ticks, (last + 1n) * scale.ticks - 1n]
      : [ceilDivide(first, scale.micros), floorDivide(last, scale.micros)];
  const within = (ticks: bigint): bigint => (ticks < INT64_MIN ? INT64_MIN : ticks > INT64_MAX ? INT64_MAX : ticks);
  return [within(least + shift > INT64_MIN + shift ? least + shift : INT64_MIN + shift), within(greatest + shift)];
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

function ceilDivide(value: bigint, by: bigint): bigint {
  return -floorDivide(-value, by);
}

/**
 * Code for a SIMD predicate: a mask of sixteen bits for the sixteen rows from `row` on. Comparisons make vectors of ones and zeros a lane;
 * those of one lane width are combined as vectors, narrowed to one byte a row, and only then taken as bits.
 */
import type { FunctionBuilder, Local } from '../emit/function.ts';
import type { InputColumn } from './input.ts';
import type { LaneTree, Prefilter } from './lane-trees.ts';
import type { Lanes, LaneType, Operand, Relation } from './lanes.ts';

const LANE_BYTES: Readonly<Record<LaneType, number>> = { f64x2: 8, i64x2: 8, f32x4: 4, i32x4: 4 };

/**
 * By relation: the instruction, and whether its answer is to be turned around. Floats are ordered with NaN, equal to itself,
 * above all; against a constant, which is none, "not less or equal" is "greater" and so on.
 */
const AGAINST_CONSTANT: Readonly<Record<Relation, readonly [string, boolean]>> = {
  eq: ['eq', false],
  ne: ['ne', false],
  lt: ['lt', false],
  le: ['le', false],
  gt: ['le', true],
  ge: ['lt', true],
};

type Compare = Extract<Lanes, { node: 'compare' }>;

export class LaneCode {
  readonly #f: FunctionBuilder;
  readonly #inputs: readonly InputColumn[];
  readonly #row: Local;
  readonly #constants = new Map<string, { readonly local: Local; readonly fill: () => void }>();

  constructor(f: FunctionBuilder, inputs: readonly InputColumn[], row: Local) {
    this.#f = f;
    this.#inputs = inputs;
    this.#row = row;
  }

  /** Fills the vectors of constants; goes in front of the code. */
  prologue(): void {
    for (const { local, fill } of this.#constants.values()) {
      fill();
      this.#f.set(local);
    }
  }

  /** Leaves the mask of sixteen rows that all of these let go on: bit i for row `row + i`. */
  maskOfAll(parts: readonly (Lanes | Prefilter)[]): void {
    const lanes = parts.filter((part) => part.node !== 'prefilter');
    const prefilters = parts.filter((part) => part.node === 'prefilter');
    if (lanes.length > 0) this.#and(lanes);
    prefilters.forEach((prefilter, index) => {
      this.#prefilter(prefilter);
      if (lanes.length > 0 || index > 0) this.#f.op('i32.and');
    });
  }

  /** All rows but those where the computed value is finite and fails; a null one does. */
  #prefilter({ type, tree, dropped, constant, columns }: Prefilter): void {
    const f = this.#f;
    const value = f.local('v128', 'computed');
    this.#narrow(LANE_BYTES[type], (index) => {
      this.#tree(type, tree, index);
      f.tee(value);
      f.op(`${type}.abs`);
      f.get(this.#constant(type, Number.POSITIVE_INFINITY));
      f.op(`${type}.lt`);
      f.get(value);
      f.get(this.#constant(type, constant.value));
      f.ops(`${type}.${dropped} v128.and`);
      return true;
    });
    this.#valid(columns);
  }

  #tree(type: LaneType, tree: LaneTree, index: number): void {
    if (tree.node !== 'call') {
      this.#load(tree.node === 'column' ? { column: tree.column } : { constant: tree.constant }, type, index);
      return;
    }
    for (const arg of tree.args) this.#tree(type, arg, index);
    this.#f.op(`${type}.${tree.operation}`);
  }

  #mask(lanes: Lanes): void {
    switch (lanes.node) {
      case 'compare':
        this.#compares([lanes]);
        this.#alsoValid([lanes]);
        break;
      case 'and':
        this.#and(lanes.args);
        break;
      case 'or':
        this.#joined(lanes.args, 'i32.or');
        break;
      default:
        this.#bits(lanes.node, lanes.column);
    }
  }

  #joined(args: readonly Lanes[], operation: string): void {
    args.forEach((arg, index) => {
      this.#mask(arg);
      if (index > 0) this.#f.op(operation);
    });
  }

  /** Comparisons of one lane width first become one vector; then the bits of validity, and what else there is. */
  #and(args: readonly Lanes[]): void {
    const flat = args.flatMap((arg) => (arg.node === 'and' ? arg.args : [arg]));
    const compares = flat.filter((arg) => arg.node === 'compare');
    const others = flat.filter((arg) => arg.node !== 'compare');
    let first = true;
    const and = (part: () => void) => {
      part();
      if (!first) this.#f.op('i32.and');
      first = false;
    };
    for (const bytes of [8, 4]) {
      const group = compares.filter(({ type }) => LANE_BYTES[type] === bytes);
      if (group.length > 0) and(() => this.#compares(group));
    }
    for (const other of others) and(() => this.#mask(other));
    if (compares.length > 0) this.#alsoValid(compares);
  }

  /** And the validity bits of every column compared that may be null. */
  #alsoValid(compares: readonly Compare[]): void {
    this.#valid(compares.flatMap(({ left, right }) => ('column' in right ? [left, right.column] : [left])));
  }

  #valid(columns: readonly number[]): void {
    for (const column of new Set(columns)) {
      if (this.#inputs[column]?.nullable !== true) continue;
      this.#load16(this.#inputs[column].validity);
      this.#f.op('i32.and');
    }
  }

  /** Validity, or the values of a boolean column, as bits. */
  #bits(node: 'valid' | 'null' | 'true' | 'false', index: number): void {
    const f = this.#f;
    const column = this.#inputs[index];
    if (column === undefined) return;
    const ones = 0xffff;
    if (node === 'true' || node === 'false') {
      this.#load16(column.values);
      if (node === 'false') {
        f.i32(ones);
        f.op('i32.xor');
      }
      if (!column.nullable) return;
      this.#load16(column.validity);
      f.op('i32.and');
      return;
    }
    if (!column.nullable) {
      f.i32(node === 'valid' ? ones : 0);
      return;
    }
    this.#load16(column.validity);
    if (node === 'valid') return;
    f.i32(ones);
    f.op('i32.xor');
  }

  #load16(bits: number): void {
    const f = this.#f;
    f.get(this.#row);
    f.i32(3);
    f.op('i32.shr_u');
    f.memory('i32.load16_u', bits);
  }

  /** All of the comparisons, which have lanes of one width, as one mask. */
  #compares(group: readonly Compare[]): void {
    this.#narrow(LANE_BYTES[group[0]?.type ?? 'f64x2'], (index) => this.#vector(group, index));
  }

  /**
   * Sixteen lanes of `bytes` each as sixteen bits. `vector` leaves one of the vectors, and returns whether all of them are to be turned
   * around.
   */
  #narrow(bytes: number, vector: (index: number) => boolean): void {
    const f = this.#f;
    let negated = false;
    // As many vectors as a lane has bytes.
    for (let index = 0; index < bytes; index++) {
      negated = vector(index);
      if (bytes === 8 && index % 2 === 1) {
        // The low halves of two pairs of 64-bit lanes make four 32-bit lanes.
        f.shuffle([0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]);
      }
      const quads = bytes === 8 ? (index + 1) / 2 : index + 1;
      if (Number.isInteger(quads) && quads % 2 === 0) f.op('i16x8.narrow_i32x4_s');
      if (quads === 4) f.op('i8x16.narrow_i16x8_s');
    }
    f.op('i8x16.bitmask');
    if (!negated) return;
    f.i32(0xffff);
    f.op('i32.xor');
  }

  /** Leaves vector `index` of the conjunction; returns whether its bits are to be turned around. */
  #vector(group: readonly Compare[], index: number): boolean {
    const plain = group.filter((compare) => !this.#turned(compare));
    const turned = group.filter((compare) => this.#turned(compare));
    plain.forEach((compare, position) => {
      this.#compare(compare, index);
      if (position > 0) this.#f.op('v128.and');
    });
    turned.forEach((compare, position) => {
      this.#compare(compare, index);
      if (plain.length > 0) this.#f.op('v128.andnot');
      else if (position > 0) this.#f.op('v128.or');
    });
    return plain.length === 0;
  }

  #turned({ type, relation, right }: Compare): boolean {
    if (!type.startsWith('f')) return false;
    if ('constant' in right) return AGAINST_CONSTANT[relation][1];
    return relation === 'ne' || relation === 'le' || relation === 'ge';
  }

  #compare(compare: Compare, index: number): void {
    const { type, relation, left, right } = compare;
    const f = this.#f;
    const a = () => this.#load({ column: left }, type, index);
    const b = () => this.#load(right, type, index);
    if (!type.startsWith('f') || 'constant' in right) {
      a();
      b();
      const sign = type.startsWith('f') || relation === 'eq' || relation === 'ne' ? '' : '_s';
      const name = type.startsWith('f') ? AGAINST_CONSTANT[relation][0] : relation;
      f.op(`${type}.${name}${sign}`);
      return;
    }
    // Between float columns: equal, less or greater, with NaN looked at; the others are the opposites of these.
    if (relation === 'eq' || relation === 'ne') this.#equal(type, a, b);
    else if (relation === 'lt' || relation === 'ge') this.#less(type, a, b);
    else this.#less(type, b, a);
  }

  #equal(type: LaneType, a: () => void, b: () => void): void {
    const f = this.#f;
    a();
    b();
    f.op(`${type}.eq`);
    a();
    a();
    f.op(`${type}.ne`);
    b();
    b();
    f.op(`${type}.ne`);
    f.ops('v128.and v128.or');
  }

  #less(type: LaneType, a: () => void, b: () => void): void {
    const f = this.#f;
    a();
    b();
    f.op(`${type}.lt`);
    b();
    b();
    f.op(`${type}.ne`);
    a();
    a();
    f.op(`${type}.eq`);
    f.ops('v128.and v128.or');
  }

  #load(operand: Operand, type: LaneType, index: number): void {
    const f = this.#f;
    if ('constant' in operand) {
      f.get(this.#constant(type, operand.constant.value));
      return;
    }
    const column = this.#inputs[operand.column];
    if (column === undefined) return;
    f.get(this.#row);
    f.i32(LANE_BYTES[type] === 8 ? 3 : 2);
    f.op('i32.shl');
    f.memory('v128.load', column.values + index * 16);
  }

  #constant(type: LaneType, value: unknown): Local {
    const f = this.#f;
    const key = `${type} ${Object.is(value, -0) ? '-0' : String(value)}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known.local;
    const local = f.local('v128', 'constant');
    const fill = () => {
      if (type === 'f64x2') f.f64(Number(value));
      else if (type === 'f32x4') f.f32(Number(value));
      else if (type === 'i64x2') f.i64(BigInt(value as bigint));
      else f.i32(Number(value));
      f.op(`${type}.splat`);
    };
    this.#constants.set(key, { local, fill });
    return local;
  }
}

/**
 * The instructions that we emit: text name -> encoding and immediates. Source: WebAssembly core specification 2.0, section 5.4
 * (binary format of instructions). The printer reads the table backwards.
 */

/** What follows an opcode; `memory` is alignment and offset, `lane` a lane index. Control and constants are not listed here. */
export type Immediate = 'none' | 'memory' | 'lane' | 'memory-lane';

export interface Opcode {
  readonly name: string;
  /** 0 for one-byte opcodes, else 0xfc or 0xfd, behind which `code` stands in LEB128. */
  readonly prefix: 0 | 0xfc | 0xfd;
  readonly code: number;
  readonly immediate: Immediate;
  /** log2 of the natural alignment of a memory access. */
  readonly align: number;
}

/** Opcodes from 0x45 on, in the order of the specification. */
const NUMERIC = `
i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor
i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor
i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr
f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div f32.min f32.max
f32.copysign f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div f64.min
f64.max f64.copysign i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s
i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u
f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s
f64.convert_i64_u f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s`;

/** Loads and stores from 0x28 on, with log2 of their natural alignment. */
const ACCESS = `
i32.load:2 i64.load:3 f32.load:2 f64.load:3 i32.load8_s:0 i32.load8_u:0 i32.load16_s:1 i32.load16_u:1 i64.load8_s:0
i64.load8_u:0 i64.load16_s:1 i64.load16_u:1 i64.load32_s:2 i64.load32_u:2 i32.store:2 i64.store:3 f32.store:2 f64.store:3
i32.store8:0 i32.store16:1 i64.store8:0 i64.store16:1 i64.store32:2`;

/** The vector instructions that we use: code, name, and for accesses the alignment. */
const VECTOR_ACCESS = 'v128.load:0:4 v128.load8x8_u:2:3 v128.load16x4_u:4:3 v128.load32_splat:9:2 v128.store:11:4';
const VECTOR_LANE = 'i32x4.extract_lane:27 i64x2.extract_lane:29 f64x2.extract_lane:33';
const VECTOR = `
i8x16.splat:15 i16x8.splat:16 i32x4.splat:17 i64x2.splat:18 f32x4.splat:19 f64x2.splat:20
i32x4.eq:55 i32x4.ne:56 i32x4.lt_s:57 i32x4.gt_s:59 i32x4.le_s:61 i32x4.ge_s:63
f32x4.eq:65 f32x4.ne:66 f32x4.lt:67 f32x4.gt:68 f32x4.le:69 f32x4.ge:70
f64x2.eq:71 f64x2.ne:72 f64x2.lt:73 f64x2.gt:74 f64x2.le:75 f64x2.ge:76
v128.not:77 v128.and:78 v128.andnot:79 v128.or:80 v128.xor:81 v128.any_true:83
i8x16.bitmask:100 i8x16.narrow_i16x8_s:101 i16x8.narrow_i32x4_s:133 i32x4.extend_low_i16x8_u:169
i32x4.extend_high_i16x8_u:170 i32x4.bitmask:164 i32x4.add:174 i32x4.sub:177 i64x2.bitmask:196 i64x2.add:206
i64x2.sub:209 i64x2.eq:214 i64x2.ne:215 i64x2.lt_s:216 i64x2.gt_s:217 i64x2.le_s:218 i64x2.ge_s:219
f32x4.abs:224 f32x4.neg:225 f32x4.add:228 f32x4.sub:229 f32x4.mul:230 f32x4.div:231
f64x2.abs:236 f64x2.neg:237 f64x2.add:240 f64x2.sub:241 f64x2.mul:242 f64x2.div:243 f64x2.pmin:246`;

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function build(): Opcode[] {
  const plain = words(NUMERIC).map((name, index) => opcode(name, 0, 0x45 + index, 'none'));
  const access = words(ACCESS).map((entry, index) => {
    const [name = '', align] = entry.split(':');
    return opcode(name, 0, 0x28 + index, 'memory', Number(align));
  });
  const vectorAccess = words(VECTOR_ACCESS).map((entry) => {
    const [name = '', code, align] = entry.split(':');
    return opcode(name, 0xfd, Number(code), 'memory', Number(align));
  });
  const numbered = (text: string, immediate: Immediate): Opcode[] =>
    words(text).map((entry) => {
      const [name = '', code] = entry.split(':');
      return opcode(name, 0xfd, Number(code), immediate);
    });
  const rest = [opcode('unreachable', 0, 0x00, 'none'), opcode('return', 0, 0x0f, 'none')];
  rest.push(opcode('drop', 0, 0x1a, 'none'), opcode('select', 0, 0x1b, 'none'));
  rest.push(...SATURATING.map((name, index) => opcode(name, 0xfc, index, 'none')));
  return [...plain, ...access, ...vectorAccess, ...numbered(VECTOR_LANE, 'lane'), ...numbered(VECTOR, 'none'), ...rest];
}

const SATURATING = words(`i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u
i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u`);

function opcode(name: string, prefix: Opcode['prefix'], code: number, immediate: Immediate, align = 0): Opcode {
  return { name, prefix, code, immediate, align };
}

const ALL: readonly Opcode[] = build();

export const OPCODES: ReadonlyMap<string, Opcode> = new Map(ALL.map((op) => [op.name, op]));

/** By prefix * 65536 + code. */
export const OPCODES_BY_CODE: ReadonlyMap<number, Opcode> = new Map(
  ALL.map((op) => [op.prefix * 65_536 + op.code, op]),
);

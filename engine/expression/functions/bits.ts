/** Operators on the bits of integers. */
import { type CatalogueFunction, define } from '../define.ts';

const AND = { operator: '&', summary: 'Bitwise and.' };
const OR = { operator: '|', summary: 'Bitwise or.' };
const XOR = { operator: '#', summary: 'Bitwise exclusive or.' };
const NOT = { operator: '~', summary: 'Bitwise not.' };
const SHL = { operator: '<<' };
const SHR = { operator: '>>' };
const COUNT_32 = 'only the lowest five bits of the count are used.';
const COUNT_64 = 'only the lowest six bits of the count are used.';

export const BITS: readonly CatalogueFunction[] = [
  define({
    ...AND,
    id: 'bitand.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    example: '12 & 10 → 8',
    evaluate: (a, b) => a & b,
  }),
  define({
    ...AND,
    id: 'bitand.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    example: '5000000000 & 255 → 0',
    evaluate: (a, b) => a & b,
  }),
  define({
    ...OR,
    id: 'bitor.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    example: '12 | 10 → 14',
    evaluate: (a, b) => a | b,
  }),
  define({
    ...OR,
    id: 'bitor.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    example: '5000000000 | 1 → 5000000001',
    evaluate: (a, b) => a | b,
  }),
  define({
    ...XOR,
    id: 'bitxor.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    example: '12 # 10 → 6',
    evaluate: (a, b) => a ^ b,
  }),
  define({
    ...XOR,
    id: 'bitxor.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    example: '5000000000 # 1 → 5000000001',
    evaluate: (a, b) => a ^ b,
  }),
  define({ ...NOT, id: 'bitnot.int32', args: ['int32'], result: 'int32', example: '~ 5 → -6', evaluate: (a) => ~a }),
  define({
    ...NOT,
    id: 'bitnot.int64',
    args: ['int64'],
    result: 'int64',
    example: '~ 5000000000 → -5000000001',
    evaluate: (a) => ~a,
  }),
  define({
    ...SHL,
    id: 'shl.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    summary: `Shift to the left; ${COUNT_32}`,
    example: '1 << 4 → 16',
    evaluate: (a, b) => a << b,
  }),
  define({
    ...SHL,
    id: 'shl.int64.int32',
    args: ['int64', 'int32'],
    result: 'int64',
    summary: `Shift to the left; ${COUNT_64}`,
    example: '1::bigint << 40 → 1099511627776',
    evaluate: (a, b) => BigInt.asIntN(64, a << BigInt(b & 63)),
  }),
  define({
    ...SHR,
    id: 'shr.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    summary: `Shift to the right, keeping the sign; ${COUNT_32}`,
    example: '-16 >> 2 → -4',
    evaluate: (a, b) => a >> b,
  }),
  define({
    ...SHR,
    id: 'shr.int64.int32',
    args: ['int64', 'int32'],
    result: 'int64',
    summary: `Shift to the right, keeping the sign; ${COUNT_64}`,
    example: '1099511627776 >> 40 → 1',
    evaluate: (a, b) => a >> BigInt(b & 63),
  }),
];

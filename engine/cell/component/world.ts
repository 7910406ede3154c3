/**
 * The operator world (`operators/wit/operator.wit`) as the engine checks it: the types of every function that a component may import and
 * must or may export, in the spelling of `component-types.ts`. `world.test.ts` holds it against the WIT itself.
 */
import { userError } from '../../errors.ts';
import type { ComponentParts, ImportedFunction, Lifted } from './component-binary.ts';
import { printable } from './printable.ts';

export const WORLD = 'cloudskin:operator/operator@0.1.0';
export const STATEFUL_WORLD = 'cloudskin:operator/stateful-operator@0.1.0';
export type WorldName = typeof WORLD | typeof STATEFUL_WORLD;

const ROW_ERROR = 'record{row: u32, column: option<string>, message: string}';

/** Cases of the world's `error` variant, in the order of their discriminants. */
export const ERROR_CASES = [
  'invalid-config',
  'invalid-schema',
  'invalid-batch',
  'invalid-row',
  'exhausted',
  'failed',
] as const;
export type ErrorCase = (typeof ERROR_CASES)[number];

const ERROR = `variant{${ERROR_CASES.map((name) => `${name}(${name === 'invalid-row' ? ROW_ERROR : 'string'})`).join(', ')}}`;
const BATCHES = `result<list<tuple<u32, list<u8>>>, ${ERROR}>`;

/** What a component may import: the one function of each key, `interface#function`. */
export const HOST_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['cloudskin:operator/logging@0.1.0#log', 'func(level: enum{trace, debug, info, warn, error}, message: string)'],
  ['cloudskin:operator/metrics@0.1.0#count', 'func(name: string, delta: u64)'],
  ['cloudskin:operator/metrics@0.1.0#gauge', 'func(name: string, value: f64)'],
  ['cloudskin:operator/clock@0.1.0#now', 'func() -> s64'],
  ['cloudskin:operator/random@0.1.0#next', 'func() -> u64'],
  ['cloudskin:operator/timers@0.1.0#set', 'func(time: s64) -> bool'],
  ['cloudskin:operator/timers@0.1.0#clear', 'func(time: s64)'],
  ['cloudskin:operator/rows@0.1.0#reject', `func(error: ${ROW_ERROR})`],
]);

/** What a component must export. */
export const OPERATOR_EXPORTS: ReadonlyMap<string, string> = new Map([
  [
    'init',
    `func(config: string, inputs: list<tuple<string, list<u8>>>) -> result<list<record{name: string, schema: list<u8>}>, ${ERROR}>`,
  ],
  ['process', `func(input: u32, batch: list<u8>) -> ${BATCHES}`],
  ['on-watermark', `func(time: s64) -> ${BATCHES}`],
  ['on-timer', `func(time: s64) -> ${BATCHES}`],
  ['on-end', `func() -> ${BATCHES}`],
]);

export const EXPORT_STATE = 'cloudskin:operator/state@0.1.0#export-state';
export const IMPORT_STATE = 'cloudskin:operator/state@0.1.0#import-state';

/** What it exports besides where it hands over its state; both or neither. */
export const STATE_EXPORTS: ReadonlyMap<string, string> = new Map([
  [EXPORT_STATE, `func() -> result<list<list<u8>>, ${ERROR}>`],
  [IMPORT_STATE, `func(messages: list<list<u8>>, more: bool) -> result<_, ${ERROR}>`],
]);

function wrongWorld(where: string, finding: string): Error {
  return userError('component.wrong-world', `${where} is not an operator of ${WORLD}: ${printable(finding)}`, {
    hint: 'build it against operators/wit/operator.wit of this version',
  });
}

function checkImport(where: string, imported: ImportedFunction): void {
  const key = `${imported.interface}#${imported.function}`;
  const expected = HOST_FUNCTIONS.get(key);
  if (expected === undefined) {
    throw wrongWorld(where, `it imports ${imported.function} of ${imported.interface}, which an operator is not given`);
  }
  if (expected !== imported.type) {
    throw wrongWorld(where, `it imports ${key} as ${imported.type}, which is ${expected}`);
  }
}

function checkExport(where: string, name: string, lifted: Lifted | undefined, expected: string): void {
  if (lifted === undefined) throw wrongWorld(where, `it does not export ${name}`);
  if (lifted.type !== expected)
    throw wrongWorld(where, `it exports ${name} as ${lifted.type}, which should be ${expected}`);
  if (lifted.memory === undefined) throw wrongWorld(where, `its ${name} has no memory to return a result in`);
  const takesPointers =
    expected.startsWith('func(config') || expected.includes('(input:') || expected.includes('messages');
  if (takesPointers && lifted.realloc === undefined) {
    throw wrongWorld(where, `its ${name} has no realloc to be given arguments with`);
  }
}

/** Checks a component against the world and says which one it is of; throws `component.wrong-world` naming the difference. */
export function checkWorld(parts: ComponentParts, where: string): WorldName {
  for (const imported of parts.imports) checkImport(where, imported);
  for (const [name, type] of OPERATOR_EXPORTS) checkExport(where, name, parts.exports.get(name), type);
  const stateful = [...STATE_EXPORTS.keys()].some((name) => parts.exports.has(name));
  if (!stateful) return WORLD;
  for (const [name, type] of STATE_EXPORTS) checkExport(where, name, parts.exports.get(name), type);
  return STATEFUL_WORLD;
}

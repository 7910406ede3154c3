/** What a mistyped type could have meant. */
import { TYPE_NAMES } from '../batch/types.ts';

const UNITS = ['s', 'ms', 'us', 'ns'];

/** Every type name without its parameters, and those with units in all of them. */
export const TYPE_SUGGESTIONS: readonly string[] = [
  ...TYPE_NAMES.filter((name) => !name.includes('[')),
  ...UNITS.map((unit) => `timestamp[${unit}]`),
  ...UNITS.map((unit) => `duration[${unit}]`),
];

/**
 * The function catalogue: every function that a checked expression may call (`CallExpr.fn` is an `id` of it). Its entries lie by topic in
 * `functions/`; the form of an entry is in `define.ts`. What SQL writes otherwise (AND, CASE, IN, COALESCE, …) the
 * checker turns into the nodes of `ir.ts` and these functions.
 */
import { internalError } from '../errors.ts';
import type { CatalogueFunction } from './define.ts';
import { ARITHMETIC } from './functions/arithmetic.ts';
import { BITS } from './functions/bits.ts';
import { CASTS } from './functions/casts.ts';
import { TEXT_CASTS } from './functions/casts-text.ts';
import { COMPARISON } from './functions/comparison.ts';
import { FIELDS } from './functions/fields.ts';
import { MATHS } from './functions/maths.ts';
import { TEXT } from './functions/text.ts';
import { TIME } from './functions/time.ts';

export interface Topic {
  readonly title: string;
  readonly functions: readonly CatalogueFunction[];
}

/** In the order of the reference. */
export const TOPICS: readonly Topic[] = [
  { title: 'Arithmetic', functions: ARITHMETIC },
  { title: 'Comparison', functions: COMPARISON },
  { title: 'Bits', functions: BITS },
  { title: 'Mathematics', functions: MATHS },
  { title: 'Text and bytes', functions: TEXT },
  { title: 'Dates, timestamps and durations', functions: TIME },
  { title: 'Fields of time', functions: FIELDS },
  { title: 'Casts', functions: [...CASTS, ...TEXT_CASTS] },
];

export const CATALOGUE: readonly CatalogueFunction[] = TOPICS.flatMap((topic) => topic.functions);

const byId: ReadonlyMap<string, CatalogueFunction> = new Map(CATALOGUE.map((entry) => [entry.id, entry]));

/** The entry with that id; a defect of ours where there is none. */
export function catalogueFunction(id: string): CatalogueFunction {
  const entry = byId.get(id);
  if (entry === undefined) throw internalError('internal.catalogue', `the function catalogue has no ${id}`);
  return entry;
}

export function hasCatalogueFunction(id: string): boolean {
  return byId.has(id);
}

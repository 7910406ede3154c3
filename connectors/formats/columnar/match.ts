/** Which column of a file is which column of the graph: by name, duplicates in order. */

import type { DataType, Field, Schema } from '../../../engine/batch/types.ts';
import { formatType, sameType } from '../../../engine/batch/types.ts';
import { defined } from '../../../engine/defined.ts';
import { userError } from '../../../engine/errors.ts';
import { didYouMean } from '../../../engine/graph/suggest.ts';
import type { ReadRequest } from '../format.ts';
import { type Convert, converter } from './convert.ts';

/** One column wanted: where it is in the file, and how its values become what is wanted. */
export interface Match {
  readonly field: Field;
  readonly source: number;
  readonly convert?: Convert;
}

/**
 * A match for each column of the request that is not attached. Throws `source.missing-column`, naming all that are missing, and
 * `source.type-mismatch` where a type can only be had with loss.
 */
export function matchColumns(file: string, has: Schema, request: ReadRequest): readonly Match[] {
  const wanted = request.schema.fields.slice(0, request.schema.fields.length - request.attach.length);
  const places = new Map<string, number[]>();
  for (const [index, field] of has.fields.entries()) {
    const found = places.get(field.name);
    if (found === undefined) places.set(field.name, [index]);
    else found.push(index);
  }
  const taken = new Map<string, number>();
  const missing: string[] = [];
  const matches = wanted.map((field) => {
    const name = request.paths.get(field.name) ?? field.name;
    const turn = taken.get(name) ?? 0;
    taken.set(name, turn + 1);
    const source = places.get(name)?.[turn] ?? places.get(name)?.[0];
    if (source === undefined) missing.push(name);
    return { field, source: source ?? -1 };
  });
  if (missing.length > 0) throw missingColumns(file, missing, has);
  return matches.map((match) => withConversion(file, match, has.fields[match.source]?.type));
}

function withConversion(file: string, match: Match, type: DataType | undefined): Match {
  const { field } = match;
  if (type === undefined || sameType(type, field.type)) return match;
  const convert = converter(type, field.type);
  if (convert !== undefined) return { ...match, convert };
  throw userError(
    'source.type-mismatch',
    `${file}: column ${field.name} is of type ${formatType(type)}, which cannot be read as ${formatType(field.type)}`,
    { hint: 'leave it out of the schema, or give it the type that the file has' },
  );
}

function missingColumns(file: string, missing: readonly string[], has: Schema): Error {
  const names = has.fields.map((field) => field.name);
  const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ` and ${names.length - 20} more` : '');
  const hint = didYouMean(missing[0] ?? '', names);
  return userError(
    'source.missing-column',
    `${file} has no column${missing.length > 1 ? 's' : ''} ${missing.map((name) => `"${name}"`).join(', ')}; it has ${shown}`,
    defined({ hint }),
  );
}

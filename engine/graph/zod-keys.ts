/** Looks into zod schemas: which keys a map at some path may have, for the nearest right name. */
import { z } from 'zod';
import type { Path } from './tree.ts';

type AnySchema = z.core.$ZodType;

/** The keys that objects at `path` below `schema` may have; of a union those of all its branches. */
export function keysAt(schema: AnySchema, path: Path): string[] {
  let found = unwrap(schema);
  for (const part of path) found = found.flatMap((each) => step(each, part)).flatMap(unwrap);
  return [...new Set(found.flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : [])))];
}

/** What stands inside optional, default, transform and union, as a list of alternatives. */
function unwrap(schema: AnySchema): AnySchema[] {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap);
  if (schema instanceof z.ZodIntersection) return [...unwrap(schema.def.left), ...unwrap(schema.def.right)];
  if (schema instanceof z.ZodLazy) return unwrap(schema.unwrap());
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  ) {
    return unwrap(schema.unwrap());
  }
  return [schema];
}

function step(schema: AnySchema, part: string | number): AnySchema[] {
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, AnySchema>> = schema.shape;
    const field = Object.hasOwn(shape, part) ? shape[part] : undefined;
    return field === undefined ? [] : [field];
  }
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (schema instanceof z.ZodArray) return [schema.element];
  return [];
}

/** Whether a plan can go where it is to run: as data, and nothing in it that only this process has. */
import { formatType } from '../batch/types.ts';
import type { Problem } from '../errors.ts';
import { type LogicalPlan, PLAN_VERSION } from './plan.ts';

/** What stands in the way of a deployment that does not stand in the way of a run here. */
export function deployProblems({ sources, file }: LogicalPlan): readonly Problem[] {
  return sources.flatMap(({ name, schema, place }): Problem[] => {
    const column = schema.fields.find(({ type }) => type.kind === 'foreign');
    if (column === undefined) return [];
    const message = `the column "${column.name}" of "${name}" is ${formatType(column.type)}, which a deployed graph cannot carry`;
    const hint = `run it in one process (cloudskin run ${file.startsWith('<') ? 'GRAPH' : file}), or name the other columns in schema`;
    return [{ severity: 'error', code: 'graph.foreign-column', message, place, hint }];
  });
}

/** True for a plan that this version understands whole; one without a version is of the first. */
export function isKnownVersion({ planVersion = 1 }: { readonly planVersion?: number }): boolean {
  return planVersion <= PLAN_VERSION;
}

/** The plan without what only apache-arrow in this process knows of foreign types: their names stay. */
export function plainPlan(plan: LogicalPlan): LogicalPlan {
  return plain(plan) as LogicalPlan;
}

function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  if ('kind' in value && value.kind === 'foreign') return { ...value, arrow: undefined };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

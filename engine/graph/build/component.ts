/** A component of a user's own, or a standard one: its path, its inputs, and the outputs that it declares. */

import { dirname } from 'node:path';
import type { Schema } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import { CloudskinError } from '../../errors.ts';
import type { ColumnExpr } from '../../expression/ir.ts';
import { resolveComponent } from '../component-name.ts';
import type { OperatorEntry } from '../document.ts';
import type { ComponentStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import { keysOf } from './aggregate.ts';
import { checkCellColumns } from './columns.ts';
import type { Build } from './context.ts';
import { scopeOf } from './expressions.ts';
import type { Stream } from './stream.ts';
import type { Input } from './union.ts';

export interface Described {
  readonly step: ComponentStep;
  readonly outputs: ReadonlyMap<string, Stream>;
}

/** Undefined after reporting why the component cannot take these inputs, or cannot be read at all. */
export async function describe(
  entry: OperatorEntry,
  path: Path,
  inputs: ReadonlyMap<string, Schema>,
  build: Build,
): Promise<Described | undefined> {
  const operator = String(path.at(-1));
  for (const schema of inputs.values()) if (!checkCellColumns(schema, operator, path, build)) return undefined;
  const { file } = build.places;
  const component = resolveComponent(entry.component ?? '', file.startsWith('<') ? '.' : dirname(file));
  const config = entry.config ?? {};
  const at = [...path, 'component'];
  let found: ReadonlyMap<string, Schema>;
  try {
    found = await build.context.describeComponent(component, config, inputs);
  } catch (error) {
    if (!(error instanceof CloudskinError) || error.domain === 'internal') throw error;
    build.atValue(at, error.code, error.message, error.hint);
    return undefined;
  }
  if (!checkPorts(found, operator, at, build)) return undefined;
  const outputs = new Map([...found].map(([port, schema]) => [port, streamOf(schema, operator)]));
  const schemas = new Map([...outputs].map(([port, stream]) => [port, stream.schema]));
  const keys = componentKeys(entry, path, inputs, build);
  const step: ComponentStep = {
    kind: 'component',
    component,
    config,
    outputs: schemas,
    ...defined({ keys }),
    place: build.place(at),
  };
  return { step, outputs };
}

/** What a component is told of its inputs: by alias, in order; one input without alias is `''`. */
export function componentInputs(inputs: readonly Input[], union: Stream | undefined): ReadonlyMap<string, Schema> {
  if (union !== undefined && inputs[0]?.reference.alias === undefined) return new Map([['', union.schema]]);
  return new Map(inputs.map(({ reference, stream }) => [reference.alias ?? '', stream.schema]));
}

/** `groupBy` of a component: columns of its one input by which its rows may be dealt to partitions. */
function componentKeys(
  entry: OperatorEntry,
  path: Path,
  inputs: ReadonlyMap<string, Schema>,
  build: Build,
): readonly ColumnExpr[] | undefined {
  if (entry.groupBy === undefined) return undefined;
  const at = [...path, 'groupBy'];
  const [schema, ...others] = inputs.values();
  if (schema === undefined || others.length > 0) {
    build.atKey(at, 'graph.several-inputs', 'rows of several inputs cannot be dealt by one list of columns');
    return undefined;
  }
  const columns: ColumnExpr[] = [];
  for (const { expr, text, path: where } of keysOf(entry, at, scopeOf(schema), build) ?? []) {
    if (expr.node === 'column') columns.push(expr);
    else {
      const hint = 'compute it by `with` in an operator before this one';
      build.atValue(where, 'graph.key-type', `rows of a component are dealt by columns, and "${text}" is none`, hint);
    }
  }
  return columns.length === 0 ? undefined : columns;
}

function checkPorts(outputs: ReadonlyMap<string, Schema>, operator: string, at: Path, build: Build): boolean {
  for (const port of ['late', 'errors']) {
    if (!outputs.has(port)) continue;
    build.atValue(
      at,
      'graph.reserved-output',
      `the component of "${operator}" names an output "${port}", which is reserved`,
    );
    return false;
  }
  if (outputs.has('')) return true;
  build.atValue(at, 'graph.no-output', `the component of "${operator}" declares no output`);
  return false;
}

function streamOf(schema: Schema, operator: string): Stream {
  if (schema.time !== undefined) return { schema };
  const message = `the component of "${operator}" marks no time column in its output`;
  return { schema, noWindow: { code: 'graph.no-time', message } };
}

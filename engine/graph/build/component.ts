/** A component of a user's own, or a standard one: its path, its inputs, and the outputs that it declares. */
import { dirname, isAbsolute, resolve } from 'node:path';
import type { Schema } from '../../batch/types.ts';
import { CloudskinError } from '../../errors.ts';
import type { OperatorEntry } from '../document.ts';
import type { ComponentStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import { checkCellColumns } from './columns.ts';
import type { Build } from './context.ts';
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
  const component = locate(entry.component ?? '', build.places.file);
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
  const step: ComponentStep = { kind: 'component', component, config, outputs: schemas, place: build.place(at) };
  return { step, outputs };
}

/** What a component is told of its inputs: by alias, in order; one input without alias is `''`. */
export function componentInputs(inputs: readonly Input[], union: Stream | undefined): ReadonlyMap<string, Schema> {
  if (union !== undefined && inputs[0]?.reference.alias === undefined) return new Map([['', union.schema]]);
  return new Map(inputs.map(({ reference, stream }) => [reference.alias ?? '', stream.schema]));
}

/** A path counts from the graph file; a bare name is a standard operator's. */
function locate(component: string, file: string): string {
  const isPath = /\.(wasm|cell)$/.test(component) || /^\.{0,2}[\\/]/.test(component) || isAbsolute(component);
  if (!isPath) return component;
  return resolve(file.startsWith('<') ? '.' : dirname(file), component);
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

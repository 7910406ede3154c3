/**
 * Chains of declared operators written as in a graph file, as the plan of one compiled cell; and cells driven by hand.
 * `await loadParser()` must have run.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import { copyBatch } from '../../engine/batch/reader.ts';
import type { DataType, Field, Schema, Value } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import type { CellPlan, OutputPort } from '../../engine/compile/cell-plan.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { checkAggregate, checkExpression, checkPredicate, type Scope } from '../../engine/expression/check.ts';
import type { Expr } from '../../engine/expression/ir.ts';
import {
  type AggregateStep,
  ERRORS_SCHEMA,
  type OnError,
  type OperatorNode,
  type ProjectStep,
  type Step,
} from '../../engine/graph/plan.ts';
import { PLACE } from './plans.ts';
import { rowsOf } from './tables.ts';

export interface OperatorText {
  readonly filter?: string;
  /** A map of names to expressions; all columns of the result. */
  readonly select?: Readonly<Record<string, string>>;
  /** Microseconds; together with `aggregate`. */
  readonly window?: bigint;
  readonly groupBy?: Readonly<Record<string, string>>;
  readonly aggregate?: Readonly<Record<string, string>>;
  readonly having?: string;
  readonly late?: 'drop' | 'divert';
  readonly onError?: OnError;
}

/** The plan of a cell that runs these operators one after the other; side outputs are all read. */
export function chainOf(input: Schema, operators: readonly OperatorText[]): CellPlan {
  let schema = input;
  const nodes = operators.map((text, index): OperatorNode => {
    const node = operatorOf(`op${index}`, schema, text);
    schema = node.outputs.get('') ?? schema;
    return node;
  });
  const sides = nodes.flatMap(({ name, outputs }) =>
    [...outputs].flatMap(([port, side]): OutputPort[] => (port === '' ? [] : [{ operator: name, port, schema: side }])),
  );
  const main = { operator: nodes.at(-1)?.name ?? '', port: '', schema };
  const name = nodes.map((node) => node.name).join('+');
  return { name, kind: 'compiled', operators: nodes, inputs: [], input, outputs: [main, ...sides] };
}

function operatorOf(name: string, input: Schema, text: OperatorText): OperatorNode {
  const steps: Step[] = [];
  let schema = input;
  if (text.filter !== undefined) steps.push(filterStep(text.filter, schema));
  if (text.aggregate !== undefined) {
    const step = aggregateStep(schema, text);
    steps.push(step);
    schema = step.output;
  }
  if (text.having !== undefined) steps.push(filterStep(text.having, schema));
  if (text.select !== undefined) {
    const step = projectStep(text.select, schema);
    steps.push(step);
    schema = step.output;
  }
  const outputs = new Map([['', schema]]);
  const aggregate = steps.find((step) => step.kind === 'aggregate');
  if (text.late === 'divert' && aggregate !== undefined) outputs.set('late', aggregate.input);
  if (text.onError === 'divert') outputs.set('errors', ERRORS_SCHEMA);
  return { name, inputs: [], input, steps, outputs, onError: text.onError ?? 'fail', place: PLACE };
}

function scopeOf({ fields }: Schema): Scope {
  return { columns: fields.map(({ name, type, nullable }, index) => ({ name, index, type: readAs(type), nullable })) };
}

function readAs(type: DataType): DataType {
  if (['int8', 'int16', 'uint8', 'uint16'].includes(type.kind)) return { kind: 'int32' };
  return type.kind === 'uint32' || type.kind === 'uint64' ? { kind: 'int64' } : type;
}

function checked<T>(text: string, found: T | undefined, problems: readonly { readonly message: string }[]): T {
  if (found === undefined) throw new Error(`${text}: ${problems.map((problem) => problem.message).join('; ')}`);
  return found;
}

function filterStep(text: string, schema: Schema): Step {
  const { expr, problems } = checkPredicate(text, scopeOf(schema));
  return { kind: 'filter', text, predicate: checked(text, expr, problems), place: PLACE };
}

function expressionOf(text: string, schema: Schema): Expr {
  const { expr, problems } = checkExpression(text, scopeOf(schema));
  return checked(text, expr, problems);
}

function projectStep(select: Readonly<Record<string, string>>, schema: Schema): ProjectStep {
  const columns = Object.entries(select).map(([name, text]) => {
    return { name, text, expr: expressionOf(text, schema), place: PLACE };
  });
  const fields = columns.map(({ name, expr }): Field => ({ name, type: expr.type, nullable: expr.nullable }));
  const time = columns.findIndex(({ expr }) => expr.node === 'column' && expr.index === schema.time);
  return { kind: 'project', columns, output: time === -1 ? { fields } : { fields, time } };
}

function aggregateStep(input: Schema, text: OperatorText): AggregateStep {
  const time = input.time ?? 0;
  const keys = Object.entries(text.groupBy ?? {}).map(([name, key]) => {
    return { name, text: key, expr: expressionOf(key, input) };
  });
  const calls = Object.entries(text.aggregate ?? {}).map(([name, call]) => {
    const { aggregate, problems } = checkAggregate(call, scopeOf(input));
    return { name, text: call, ...checked(call, aggregate, problems) };
  });
  const bound = (name: string): Field => {
    return { name, type: input.fields[time]?.type ?? { kind: 'timestamp', unit: 'us' }, nullable: false };
  };
  const keyFields = keys.map(({ name, expr }): Field => ({ name, type: expr.type, nullable: expr.nullable }));
  const fields = [bound('window_start'), bound('window_end'), ...keyFields];
  fields.push(...calls.map(({ name, type, nullable }): Field => ({ name, type, nullable })));
  const aggregates = calls.map(({ type: _, nullable: __, ...call }) => call);
  const window = { kind: 'tumbling', size: text.window ?? 1_000_000n } as const;
  const late = text.late ?? 'drop';
  return { kind: 'aggregate', window, time, keys, aggregates, late, input, output: { fields, time: 1 }, place: PLACE };
}

/** What is done to a cell: a batch, a watermark (microseconds), or the end. */
export type Event = { readonly batch: Batch } | { readonly watermark: bigint } | 'end';

export interface Outcome {
  /** All rows of each output. */
  readonly rows: readonly (readonly (readonly Value[])[])[];
  readonly late: number;
  readonly errors: number;
  /** Code and message of what the cell threw. */
  readonly thrown?: string;
}

/** Drives a cell through the events and closes it. Throws only what is no `CloudskinError`. */
export function drive(cell: Cell, events: readonly Event[]): Outcome {
  const rows: Value[][][] = cell.outputs.map(() => []);
  const emit = (port: number, batch: Batch) => {
    rows[port]?.push(...rowsOf(copyBatch(batch)));
  };
  try {
    for (const event of events) {
      if (event === 'end') cell.onEnd(emit);
      else if ('batch' in event) cell.process(0, event.batch, emit);
      else cell.onWatermark(event.watermark, emit);
    }
    return { rows, ...cell.counters() };
  } catch (error) {
    if (!(error instanceof CloudskinError)) throw error;
    return { rows, late: 0, errors: 0, thrown: `${error.code}: ${error.message}` };
  } finally {
    cell.close();
  }
}

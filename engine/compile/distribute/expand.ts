/**
 * The graph as it is distributed: components alone, site columns, and for every operator in several partitions what is done in front of
 * the exchange that deals its rows: a partial aggregate where that is exact, else its filter and its keys.
 *
 *     minutes: filter, aggregate by lower(m)   ->   minutes/partial: filter, partial   ══by key══>   minutes: final
 *                                              or   minutes/keys: filter, + lower(m)   ══by key══>   minutes: aggregate by that column
 */
import type { DataType, Field, Schema } from '../../batch/types.ts';
import { userError } from '../../errors.ts';
import type { ColumnExpr } from '../../expression/ir.ts';
import { carriedColumn, widened } from '../../graph/build/columns.ts';
import type { AggregateStep, LogicalPlan, OperatorNode, Step, StreamRef } from '../../graph/plan.ts';
import type { Assignment, Host } from '../fragment-plan.ts';
import { columnOf, partialKeys, preAggregate } from '../pre-aggregate.ts';
import { addSiteColumns } from '../site-column.ts';
import { isKeysPart, replaceOperators, splitComponents } from '../split.ts';
import { wholeName } from './names.ts';
import { siteOwned } from './site-owned.ts';

export interface Expanded {
  readonly plan: LogicalPlan;
  /** Of every source, operator, part and sink. */
  readonly hosts: ReadonlyMap<string, readonly Host[]>;
  /** Columns by which an operator's input is dealt to its partitions. */
  readonly keys: ReadonlyMap<string, readonly ColumnExpr[]>;
  /** Of joins in several partitions: those of each input. */
  readonly inputKeys: ReadonlyMap<string, readonly (readonly ColumnExpr[])[]>;
  /** Of sources, operators, parts and sinks whose partitions are each a site's own: the site of each. */
  readonly sites: ReadonlyMap<string, readonly string[]>;
}

interface Parts {
  readonly operators: readonly OperatorNode[];
  readonly hosts: ReadonlyMap<string, readonly Host[]>;
  readonly sites: ReadonlyMap<string, readonly string[]>;
  readonly keys: readonly ColumnExpr[];
}

interface Known {
  readonly hosts: ReadonlyMap<string, readonly Host[]>;
  readonly sites: ReadonlyMap<string, readonly string[]>;
  /** Nodes of the graph whose streams are durable. */
  readonly durable: ReadonlySet<string>;
}

export function expand(logical: LogicalPlan, assignment: Assignment): Expanded {
  const { nodes } = assignment;
  const owned = siteOwned(logical, assignment);
  const plan = splitComponents(addSiteColumns(logical));
  const hosts = new Map<string, readonly Host[]>();
  for (const { name } of [...plan.sources, ...plan.operators, ...plan.sinks]) {
    const own = nodes.get(wholeName(name));
    if (own === undefined || own.length === 0) {
      throw userError('placement.unplaced', `nothing says where "${wholeName(name)}" runs`);
    }
    hosts.set(name, own);
  }
  const sites = new Map<string, readonly string[]>();
  const siteOf = ({ site }: Host): string => site;
  for (const [name, own] of hosts) if (owned.has(wholeName(name))) sites.set(name, own.map(siteOf));
  const durable = new Set(
    [...logical.sources, ...logical.operators].flatMap((node) => (node.durable === undefined ? [] : [node.name])),
  );
  const keys = new Map<string, readonly ColumnExpr[]>();
  const parts = new Map<string, readonly OperatorNode[]>();
  const inputKeys = new Map<string, readonly (readonly ColumnExpr[])[]>();
  for (const operator of plan.operators) {
    if (sites.has(operator.name)) continue;
    const known = { hosts, sites, durable };
    const [join] = operator.steps;
    if (join?.kind === 'join' && (hosts.get(operator.name)?.length ?? 1) > 1) {
      inputKeys.set(
        operator.name,
        join.sides.map((side) => columns(side.keys)),
      );
    }
    const [group] = isKeysPart(operator.name) ? inputGroups(operator, known) : [];
    if (group !== undefined) {
      hosts.set(operator.name, group.hosts);
      if (group.sites !== undefined) sites.set(operator.name, group.sites);
      continue;
    }
    const isSpread = (hosts.get(operator.name)?.length ?? 1) > 1;
    const made = isSpread ? partsOf(operator, plan, known) : gathered(operator, known);
    if (made === undefined) continue;
    if (made.operators.length > 1) parts.set(operator.name, made.operators);
    for (const [name, own] of made.hosts) hosts.set(name, own);
    for (const [name, own] of made.sites) sites.set(name, own);
    keys.set(operator.name, made.keys);
  }
  return { plan: replaceOperators(plan, parts), hosts, keys, inputKeys, sites };
}

/** Undefined where rows need no dealing by key. */
function partsOf(operator: OperatorNode, plan: LogicalPlan, known: Known): Parts | undefined {
  const aggregate = operator.steps.find((step) => step.kind === 'aggregate');
  if (aggregate !== undefined) return aggregateParts(operator, aggregate, inputGroups(operator, known));
  return componentParts(operator, plan);
}

/** An aggregate in one partition that takes rows of several takes their groups instead, where that is exact. */
function gathered(operator: OperatorNode, known: Known): Parts | undefined {
  const groups = inputGroups(operator, known);
  const halves = groups.some(({ hosts }) => hosts.length > 1) ? preAggregate(operator) : undefined;
  return halves === undefined ? undefined : split(halves, groups);
}

/** The part of a component's operator that reads what is outside of it takes the rows that are dealt. */
function componentParts(operator: OperatorNode, { operators }: LogicalPlan): Parts | undefined {
  const whole = wholeName(operator.name);
  if (operator.inputs.some(({ node }) => wholeName(node) === whole && node !== operator.name)) return undefined;
  const family = operators.filter(({ name }) => wholeName(name) === whole);
  const component = family.flatMap(({ steps }) => steps).find((step) => step.kind === 'component');
  if (component === undefined) return undefined;
  if (component.keys !== undefined)
    return { operators: [operator], hosts: new Map(), sites: new Map(), keys: component.keys };
  throw userError('placement.component-partitions', `the component of "${whole}" cannot run in several partitions`, {
    hint: 'say in groupBy by which columns its rows may be dealt, or place it once',
  });
}

function aggregateParts(operator: OperatorNode, step: AggregateStep, groups: readonly InputGroup[]): Parts {
  if (step.keys.length === 0) {
    throw userError(
      'placement.no-keys',
      `"${operator.name}" has no keys to deal its rows by, and is to run in several partitions`,
      {
        hint: 'add groupBy, or run it in one partition',
      },
    );
  }
  const halves = preAggregate(operator) ?? keyHalves(operator, step);
  if (halves === undefined)
    return {
      operators: [operator],
      hosts: new Map(),
      sites: new Map(),
      keys: columns(step.keys.map(({ expr }) => expr)),
    };
  return split(halves, groups);
}

/** A front for each group of inputs, and what reads them all. */
function split([front, back]: readonly [OperatorNode, OperatorNode], groups: readonly InputGroup[]): Parts {
  const fronts = groups.map(({ inputs }, index) => {
    return { ...front, name: index === 0 ? front.name : `${front.name}-${index + 1}`, inputs };
  });
  const dealt = back.steps.find((each) => each.kind === 'aggregate');
  const partial = front.steps.find((each) => each.kind === 'aggregate');
  return {
    operators: [...fronts, { ...back, inputs: fronts.map(({ name }) => ({ node: name, port: '' })) }],
    hosts: new Map(fronts.map(({ name }, index) => [name, groups[index]?.hosts ?? []])),
    sites: new Map(
      fronts.flatMap(({ name }, index) => {
        const sites = groups[index]?.sites;
        return sites === undefined ? [] : [[name, sites] as const];
      }),
    ),
    keys: partial === undefined ? columns(dealt?.keys.map(({ expr }) => expr) ?? []) : partialKeys(partial),
  };
}

function columns(keys: readonly { readonly node: string }[]): ColumnExpr[] {
  return keys.filter((key): key is ColumnExpr => key.node === 'column');
}

interface InputGroup {
  readonly inputs: StreamRef[];
  /** Where the part that reads them runs. */
  readonly hosts: readonly Host[];
  /** Of its partitions, where they are each a site's own. */
  readonly sites: readonly string[] | undefined;
}

/**
 * Inputs that run in the same places are read by one part, which runs there too. What is behind a durable stream stays on the side of
 * who reads it: the link between may be down.
 */
function inputGroups({ name, inputs }: OperatorNode, { hosts, sites, durable }: Known): readonly InputGroup[] {
  const groups = new Map<string, InputGroup>();
  const readers = hosts.get(name) ?? [];
  for (const ref of inputs) {
    const before = hosts.get(ref.node) ?? [];
    const isDurable = durable.has(wholeName(ref.node));
    const own = isDurable ? before.flatMap((_, index) => readers[index % readers.length] ?? []) : before;
    const key = JSON.stringify([isDurable, before]);
    const group = groups.get(key) ?? { inputs: [], hosts: own, sites: sites.get(ref.node) };
    group.inputs.push(ref);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Filters in front of the aggregate, and its keys as columns; undefined where it has no filter and all keys are columns. */
function keyHalves(operator: OperatorNode, step: AggregateStep): readonly [OperatorNode, OperatorNode] | undefined {
  const at = operator.steps.indexOf(step);
  const before = operator.steps.slice(0, at);
  const computed = step.keys.filter(({ expr }) => expr.node !== 'column');
  if (before.length === 0 && computed.length === 0) return undefined;
  const name = `${operator.name}/keys`;
  const errors = [...operator.outputs].filter(([port]) => port === 'errors');
  const extended =
    computed.length === 0 ? { step, steps: before, schema: step.input } : withKeys(operator, step, before);
  const front = { ...operator, name, steps: extended.steps, outputs: new Map([['', extended.schema], ...errors]) };
  const back = {
    ...operator,
    inputs: [{ node: name, port: '' }],
    input: extended.schema,
    steps: [extended.step, ...operator.steps.slice(at + 1)],
  };
  return [front, back];
}

function withKeys(operator: OperatorNode, step: AggregateStep, before: readonly Step[]) {
  if (step.late === 'divert') {
    throw userError(
      'placement.late-key',
      `"${operator.name}" diverts late rows and has keys that are computed: its rows cannot be dealt`,
      {
        hint: 'compute the key in an operator of its own before it, by `with`',
      },
    );
  }
  const plain = widened(step.input);
  const fields: Field[] = [];
  const keys = step.keys.map((key) => {
    if (key.expr.node === 'column') return { ...key, expr: columnOf(plain, key.expr.index) };
    const field = { name: freeName(key.name, plain), type: key.expr.type as DataType, nullable: key.expr.nullable };
    const index = plain.fields.length + fields.push(field) - 1;
    const schema: Schema = { fields: [...plain.fields, ...fields] };
    return { ...key, expr: columnOf(schema, index) };
  });
  const schema: Schema = { ...plain, fields: [...plain.fields, ...fields] };
  const place = step.place;
  const carried = step.input.fields.map((field, index) => carriedColumn(field, index, place));
  const computed = step.keys.filter(({ expr }) => expr.node !== 'column');
  const made = computed.map(({ text, expr }, index) => ({ name: fields[index]?.name ?? '', text, expr, place }));
  const project: Step = { kind: 'project', columns: [...carried, ...made], output: schema };
  return { step: { ...step, keys, input: schema, whole: step }, steps: [...before, project], schema };
}

function freeName(name: string, { fields }: Schema): string {
  let free = `${name}/key`;
  while (fields.some((field) => field.name === free)) free += "'";
  return free;
}

/**
 * Generates the module of one compiled cell. Its exports: `process(rows)` takes the rows that the host has put in place, `advance()` closes the windows that the watermark has passed.
 *
 *   process: for each block of 1,024 rows
 *     select   filters over plain columns, by SIMD, into row numbers   (select.ts)
 *     rows     everything else of a row in one loop, values in locals  (rows.ts, steps.ts, expressions.ts)
 *              into the output port (ports.ts) or the aggregate        (aggregate-update.ts)
 *   advance: for each closed window, its groups through the steps behind the aggregate, into the port (aggregate-emit.ts)
 */
import type { CellPlan } from '../cell-plan.ts';
import type { Callee, FunctionBuilder, Local } from '../emit/function.ts';
import type { ModuleBuilder } from '../emit/module.ts';
import { BLOCK_ROWS, INPUT_NULLS } from '../support/assembly/control.ts';
import { generateAdvance } from './aggregate-emit.ts';
import { generateGroup } from './aggregate-group.ts';
import { type AggregateLayout, layOutAggregate } from './aggregate-layout.ts';
import { functionsOfChain, type PlannedAggregate, planChain } from './chain-plan.ts';
import { CodeModule } from './code-module.ts';
import type { Generation, Variant } from './generation.ts';
import { callsForText, helpersOf } from './helpers.ts';
import { INLINE } from './inline.ts';
import { type InputArea, layOutInput } from './input-area.ts';
import { layOutPort, type Port } from './ports.ts';
import { generateRows } from './rows.ts';
import { generateSelect, POSITIONS_BYTES } from './select.ts';
import { type Site, Sites } from './sites.ts';

/** A generated module and what the host must know to run it. */
export interface GeneratedCell {
  readonly module: ModuleBuilder;
  readonly ports: readonly (Port | undefined)[];
  readonly sites: readonly Site[];
  /** Where the input's columns go. */
  readonly input: InputArea;
  /** Where the support module's `fillPositions` puts its table. */
  readonly positions: number;
  /** End of static memory: the allocator's begins there. */
  readonly heap: number;
  /** How the groups lie in memory; the module then exports `group`, too, which makes one. */
  readonly aggregate: AggregateLayout | undefined;
}

export interface GenerateOptions {
  /** Bytes that the columns of the input aim at together; small enough for the second-level cache unless given. */
  readonly inputBytes?: number;
}

/** The plan's outputs that generated code writes to; rows of `errors` are made by the host. */
export function generate(cell: CellPlan, options: GenerateOptions = {}): GeneratedCell {
  const plan = planChain(cell);
  const called = [...functionsOfChain(plan)].filter((id) => !INLINE.has(id));
  const code = new CodeModule(helpersOf(plan, called), called);
  const ports = cell.outputs.map(({ port, schema }, index) =>
    port === 'errors' ? undefined : layOutPort(code, index, schema),
  );
  const generation: Generation = {
    plan,
    code,
    ports,
    sites: new Sites(),
    input: layOutInput(code.memory, cell.input, [...plan.reads.keys(), ...plan.passing], options.inputBytes),
    selection: code.memory.reserve(BLOCK_ROWS * 4 + 64),
    positions: code.memory.reserve(POSITIONS_BYTES),
    usesArena: callsForText(called),
    aggregate: plan.aggregate === undefined ? undefined : beginAggregate(code, plan.aggregate),
  };
  generateProcess(generation);
  if (generation.aggregate !== undefined) generateAdvance(generation, generation.aggregate.layout);
  return {
    module: code.builder,
    ports,
    sites: generation.sites.list,
    input: generation.input,
    positions: generation.positions,
    heap: code.memory.end,
    aggregate: generation.aggregate?.layout,
  };
}

function beginAggregate(code: CodeModule, planned: PlannedAggregate): Generation['aggregate'] {
  const layout = layOutAggregate(planned);
  const group = generateGroup(code, layout);
  code.builder.export(group);
  return { layout, group };
}

const PLAIN: Variant = { suffix: '', nulls: false };
const NULLABLE: Variant = { suffix: '_nullable', nulls: true };

/** `process(rows)`: block by block, by the version of the code that the rows allow. */
function generateProcess(generation: Generation): void {
  const { code, input, usesArena } = generation;
  const nullable = [...input.places.values()].some(({ validity }) => validity !== undefined);
  const plain = generateVariant(generation, PLAIN);
  const careful = nullable ? generateVariant(generation, NULLABLE) : plain;
  const f = code.builder.function('process', [['rows', 'i32']]);
  code.builder.export(f.callee);
  const rows = f.param(0);
  const base = f.local('i32', 'base');
  const count = f.local('i32', 'count');
  if (usesArena) f.call(code.support('arenaStart'));
  f.block((done) => {
    f.loop((again) => {
      f.get(rows);
      f.get(base);
      f.op('i32.sub');
      f.tee(count);
      f.op('i32.eqz');
      f.brIf(done);
      f.get(count);
      f.i32(BLOCK_ROWS);
      f.get(count);
      f.i32(BLOCK_ROWS);
      f.ops('i32.lt_u select');
      f.set(count);
      f.i32(0);
      f.memory('i32.load', INPUT_NULLS);
      f.if(
        () => runVariant(f, careful, base, count),
        () => runVariant(f, plain, base, count),
      );
      f.get(base);
      f.get(count);
      f.op('i32.add');
      f.set(base);
      f.br(again);
    });
  });
}

function runVariant(f: FunctionBuilder, { select, rows }: CompiledVariant, base: Local, count: Local): void {
  f.get(base);
  f.get(count);
  f.call(select);
  f.call(rows);
}

interface CompiledVariant {
  /** (base, count) -> how many row numbers are in the selection. */
  readonly select: Callee;
  readonly rows: Callee;
}

function generateVariant(generation: Generation, variant: Variant): CompiledVariant {
  const { select, remaining } = generateSelect(generation, variant);
  const rows = generateRows(generation, variant, remaining);
  return { select: select.callee, rows: rows.callee };
}

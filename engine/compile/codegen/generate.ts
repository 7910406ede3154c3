/**
 * Generates the module of one compiled cell. Its exports: `process(from, to)` takes the rows of the batch that the host has put
 * in place, `advance()` closes the windows that the watermark has passed.
 *
 *   process: for each block of 1,024 rows
 *     select   filters over plain columns, by SIMD, into row numbers   (select.ts)
 *     rows     everything else of a row in one loop, values in locals  (rows.ts, steps.ts, expressions.ts)
 *              into the output port (ports.ts) or the aggregate        (aggregate-update.ts)
 *   advance: for each closed window, its groups through the steps behind the aggregate, into the port (aggregate-emit.ts)
 */
import { LAYOUT_WORDS } from '../../batch/batch.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';
import type { CellPlan } from '../cell-plan.ts';
import type { Callee } from '../emit/function.ts';
import type { ModuleBuilder } from '../emit/module.ts';
import { BLOCK_ROWS } from '../support/assembly/control.ts';
import { generateAdvance } from './aggregate-emit.ts';
import { layOutAggregate } from './aggregate-layout.ts';
import { generateGroupFunction } from './aggregate-update.ts';
import { type ChainPlan, functionsOfChain, type PlannedAggregate, planChain } from './chain-plan.ts';
import { CodeModule } from './code-module.ts';
import type { Generation, Variant } from './generation.ts';
import { INLINE, inlineHelper } from './inline.ts';
import { layOutPort, type Port } from './ports.ts';
import { generateRows } from './rows.ts';
import { generateSelect, positionsTable } from './select.ts';
import { type Site, Sites } from './sites.ts';

/** A generated module and what the host must know to run it. */
export interface GeneratedCell {
  readonly module: ModuleBuilder;
  readonly ports: readonly (Port | undefined)[];
  readonly sites: readonly Site[];
  /** Where the input batch's layout table goes. */
  readonly layout: number;
  /** End of static memory: the allocator's begins there. */
  readonly heap: number;
  readonly hasAggregate: boolean;
  /** Units of a second of the time column that windows go by, and the window's size in these units. */
  readonly timeUnits: bigint;
}

/** The plan's outputs that generated code writes to; rows of `errors` are made by the host. */
export function generate(cell: CellPlan): GeneratedCell {
  const plan = planChain(cell);
  const called = [...functionsOfChain(plan)].filter((id) => !INLINE.has(id));
  const code = new CodeModule(helpersOf(plan), called);
  const ports = cell.outputs.map(({ port, schema }, index) =>
    port === 'errors' ? undefined : layOutPort(code, index, schema),
  );
  const generation: Generation = {
    plan,
    code,
    ports,
    sites: new Sites(),
    layout: code.memory.reserve(cell.input.fields.length * LAYOUT_WORDS * 4),
    selection: code.memory.reserve(BLOCK_ROWS * 4 + 64),
    positions: code.memory.literal(positionsTable()),
    usesArena: called.some((id) => usesArena(id)),
    aggregate: plan.aggregate === undefined ? undefined : beginAggregate(code, plan.aggregate),
  };
  generateProcess(generation);
  if (generation.aggregate !== undefined) generateAdvance(generation, generation.aggregate.layout);
  return {
    module: code.builder,
    ports,
    sites: generation.sites.list,
    layout: generation.layout,
    heap: code.memory.end,
    hasAggregate: generation.aggregate !== undefined,
    timeUnits: generation.aggregate?.layout.timeUnits ?? 0n,
  };
}

function beginAggregate(code: CodeModule, planned: PlannedAggregate): Generation['aggregate'] {
  const layout = layOutAggregate(planned);
  return { layout, probe: generateGroupFunction(code, layout) };
}

function usesArena(id: string): boolean {
  const { result, args } = catalogueFunction(id);
  return [result.kind, ...args].some((kind) => kind === 'utf8' || kind === 'binary');
}

/** The support functions that a chain's code may call besides those of the catalogue. */
function helpersOf(plan: ChainPlan): Set<string> {
  const helpers = new Set([
    'arenaStart',
    'selectRun',
    'portFull',
    'appendBytes',
    'setNull',
    'gatherBits',
    'gatherNulls',
  ]);
  for (const name of ['gatherBytes', 'gather8', 'gather16', 'gather32', 'gather64']) helpers.add(name);
  for (const id of functionsOfChain(plan)) {
    const helper = inlineHelper(id);
    if (helper !== undefined) helpers.add(helper);
  }
  if (plan.aggregate === undefined) return helpers;
  for (const name of ['openPane', 'growPane', 'duePane', 'releasePane', 'hashBytes', 'equalBytes', 'compareBytes']) {
    helpers.add(name);
  }
  for (const name of ['keepBytes', 'replaceBytes', 'average128']) helpers.add(name);
  return helpers;
}

const PLAIN: Variant = { suffix: '', nulls: false };
const NULLABLE: Variant = { suffix: '_nullable', nulls: true };

/** `process(from, to)`: block by block, by the version of the code that the batch allows. */
function generateProcess(generation: Generation): void {
  const { code, plan, layout } = generation;
  const nullable = [...new Set([...plan.reads.keys(), ...plan.passing])].filter(
    (index) => plan.cell.input.fields[index]?.nullable === true,
  );
  const plain = generateVariant(generation, PLAIN);
  const careful = nullable.length === 0 ? undefined : generateVariant(generation, NULLABLE);
  const f = code.builder.function('process', [
    ['from', 'i32'],
    ['to', 'i32'],
  ]);
  code.builder.export(f.callee);
  const nulls = f.local('i32', 'nulls');
  for (const index of nullable) {
    f.i32(0);
    f.memory('i32.load', layout + index * LAYOUT_WORDS * 4);
    f.get(nulls);
    f.op('i32.or');
    f.set(nulls);
  }
  f.call(code.support('arenaStart'));
  const base = f.param(0);
  const count = f.local('i32', 'count');
  f.block((done) => {
    f.loop((again) => {
      f.get(base);
      f.get(f.param(1));
      f.op('i32.ge_u');
      f.brIf(done);
      f.get(f.param(1));
      f.get(base);
      f.op('i32.sub');
      f.tee(count);
      f.i32(BLOCK_ROWS);
      f.get(count);
      f.i32(BLOCK_ROWS);
      f.ops('i32.lt_u select');
      f.set(count);
      const run = (variant: CompiledVariant) => {
        f.get(base);
        f.get(count);
        f.call(variant.select);
        f.call(variant.rows);
      };
      if (careful === undefined) run(plain);
      else {
        f.get(nulls);
        f.if(
          () => run(careful),
          () => run(plain),
        );
      }
      f.get(base);
      f.i32(BLOCK_ROWS);
      f.op('i32.add');
      f.set(base);
      f.br(again);
    });
  });
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

/**
 * The module under generation together with what its functions share: static memory, and the imports. Host functions are
 * `emit` (an output port is full or done) and `fail` (an expression failed on a row); support functions are those of
 * `engine/compile/support`.
 */
import type { DataType } from '../../batch/types.ts';
import { internalError } from '../../errors.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';
import type { CatalogueFunction } from '../../expression/define.ts';
import type { Callee, ValueType } from '../emit/function.ts';
import { ModuleBuilder } from '../emit/module.ts';
import { MemoryMap } from './memory-map.ts';
import { wasmTypes } from './types.ts';

type Shape = readonly [params: readonly ValueType[], results: readonly ValueType[]];

const I = 'i32';
const L = 'i64';

/** Helpers of the support module that are not catalogue functions, by name. */
const HELPERS: Readonly<Record<string, Shape>> = {
  arenaStart: [[], []],
  equalBytes: [[I, I, I, I], [I]],
  compareBytes: [[I, I, I, I], [I]],
  multiplyInt64: [[L, L], [L]],
  gather8: [[I, I, I, I], []],
  gather16: [[I, I, I, I], []],
  gather32: [[I, I, I, I], []],
  gather64: [[I, I, I, I], []],
  gatherBits: [[I, I, I, I, I], []],
  gatherNulls: [[I, I, I, I, I], []],
  gatherBytes: [[I, I, I, I, I, I], []],
  appendBytes: [[I, I, I, I], []],
  setNull: [[I, I], []],
  selectRun: [[I, I, I], []],
  portFull: [[I, I], [I]],
  hashBytes: [[L, I, I], [L]],
  openPane: [[L, L, I, L, L], [I]],
  reopenPane: [[L, L, I, L, L], [I]],
  growPane: [[I, I], []],
  indexGroup: [[I, L, I, I, I], []],
  keepBytes: [[I, I, I], [I]],
  replaceBytes: [[I, I, I, I], []],
  duePane: [[L], [I]],
  releasePane: [[I, I], []],
  average128: [[L, L, L], ['f64']],
};

export class CodeModule {
  readonly builder: ModuleBuilder = new ModuleBuilder();
  readonly memory: MemoryMap = new MemoryMap(this.builder);
  readonly emit: Callee;
  readonly fail: Callee;
  readonly #functions = new Map<string, Callee>();

  /** `helpers` names support functions, `catalogue` ids of catalogue functions that are called rather than inlined. */
  constructor(helpers: Iterable<string>, catalogue: Iterable<string>) {
    this.builder.importMemory('env', 'memory', 1);
    this.emit = this.builder.importFunction('env', 'emit', [I], []);
    this.fail = this.builder.importFunction('env', 'fail', [I, I, I], []);
    for (const name of helpers) {
      const shape = HELPERS[name];
      if (shape === undefined) throw internalError('internal.support', `no support function ${name}`);
      this.#functions.set(name, this.builder.importFunction('support', name, ...shape));
    }
    for (const id of catalogue) {
      const callee = this.builder.importFunction('support', id.replaceAll('.', '_'), ...shapeOf(catalogueFunction(id)));
      this.#functions.set(id, callee);
    }
  }

  /** A support function, by its name or its id in the catalogue. */
  support(name: string): Callee {
    const callee = this.#functions.get(name);
    if (callee === undefined) throw internalError('internal.support', `support function ${name} was not imported`);
    return callee;
  }
}

/** The calling convention of catalogue functions: text results come packed as address | length << 32. */
function shapeOf(entry: CatalogueFunction): Shape {
  const types = (kind: string): readonly ValueType[] => wasmTypes({ kind, unit: 'us' } as DataType);
  const result = types(entry.result.kind);
  const units: ValueType[] = entry.units === undefined ? [] : entry.units === 'both' ? [L, L] : [L];
  return [[...entry.args.flatMap(types), ...units], result.length === 2 ? [L] : result];
}

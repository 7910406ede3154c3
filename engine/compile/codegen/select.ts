/** The selection of a block: which rows go on, as row numbers. Filters that SIMD can decide are decided here. */
import type { FunctionBuilder } from '../emit/function.ts';
import type { Generation, Variant } from './generation.ts';
import type { Remaining } from './steps.ts';

export interface SelectPlan {
  readonly remaining: Remaining;
}

export function planSelect(_generation: Generation, _variant: Variant): SelectPlan {
  return { remaining: new Map() };
}

/** Generates `select(base, count)`, which returns how many rows it selected. */
export function generateSelect({ code, selection }: Generation, variant: Variant, _plan: SelectPlan): FunctionBuilder {
  const params = [
    ['base', 'i32'],
    ['count', 'i32'],
  ] as const;
  const f = code.builder.function(`select${variant.suffix}`, params, ['i32']);
  f.i32(selection);
  f.get(f.param(0));
  f.get(f.param(1));
  f.call(code.support('selectRun'));
  f.get(f.param(1));
  return f;
}

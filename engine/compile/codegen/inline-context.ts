/** The frame in which catalogue functions are written out in line (`inline.ts`). */
import type { FunctionBuilder, Local, ValueType } from '../emit/function.ts';

/** What an inlined function may use besides the stack. */
export interface InlineContext {
  readonly f: FunctionBuilder;
  /** A scratch local of the function; free between any two inlined functions. */
  temp(type: ValueType, slot: number): Local;
  /** Leaves the row with this evaluation error; the stack is dropped. */
  fail(error: 'divisionByZero' | 'outOfRange' | 'overflow' | 'underflow'): void;
  /** Calls a helper of the support module. */
  support(name: string): void;
  /** Leaves the row if the helper just called reported an error. */
  check(): void;
}

export type Inline = (context: InlineContext) => void;

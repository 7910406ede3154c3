/**
 * What an operator's author writes: a class that extends `Operator`, registered with `register` at the top of the entry file, which also
 * exports everything of `abi.ts`.
 */
import { Batch } from './batch';
import { Config } from './config';
import { OutputBuilder } from './output';
import { Schema } from './types';

export abstract class Operator {
  /** The operator's outputs; `init` fills it, the first one has the empty name. */
  outputs: OutputBuilder[] = [];

  /** Checks the configuration and the inputs, and defines the outputs. Use `fail` for what is wrong. */
  abstract init(config: Config, names: string[], inputs: Schema[]): void;

  /** Takes a batch of input `input`. */
  abstract process(input: i32, batch: Batch): void;

  onWatermark(time: i64): void {}

  onTimer(time: i64): void {}

  onEnd(): void {}
}

export class Registered {
  static operator: Operator | null = null;
}

export function register(operator: Operator): void {
  Registered.operator = operator;
}

/**
 * Operators that hand over their state, so that they are split, merged and replaced by newer ones while they run: a class that extends
 * `StatefulOperator`, whose entry file exports everything of `state-abi.ts` besides `abi.ts`.
 */
import { Batch } from './batch';
import { Operator } from './operator';
import { ColumnBuilder, OutputBuilder } from './output';
import { Field, Schema } from './types';

export abstract class StatefulOperator extends Operator {
  /** The columns of the state, one row a key; those that are the key have `key` set. Called after `init`. */
  abstract stateFields(): Field[];

  /** Writes every key's row. */
  abstract exportState(out: StateWriter): void;

  /** Forgets all state. */
  abstract clearState(): void;

  /** Adds the rows of a batch of `stateFields` to the state. */
  abstract importState(batch: Batch): void;
}

/** Rows and bytes of a batch of state. */
const ROWS: i32 = 1024;
const BYTES: usize = 1048576;

/** Takes a state row by row: one `push...` on each of `columns`, then `endRow`. */
export class StateWriter {
  columns: ColumnBuilder[] = [];
  private output: OutputBuilder;
  private rows: i32 = 0;

  constructor(fields: Field[]) {
    this.output = new OutputBuilder(new Schema(fields));
    for (let i = 0; i < fields.length; i++) {
      this.columns.push(new ColumnBuilder(fields[i]));
      this.columns[i].reset(ROWS);
    }
  }

  endRow(): void {
    this.rows += 1;
    let bytes: usize = 0;
    for (let i = 0; i < this.columns.length; i++) bytes += this.columns[i].column.dataLength;
    if (this.rows == ROWS || bytes >= BYTES) this.flush();
  }

  /** Hands on the rows so far; the engine's side calls it at the end. */
  flush(): void {
    if (this.rows == 0) return;
    for (let i = 0; i < this.columns.length; i++) this.output.set(i, this.columns[i].finish());
    this.output.emit(0, this.rows);
    for (let i = 0; i < this.columns.length; i++) this.columns[i].reset(ROWS);
    this.rows = 0;
  }
}

/**
 * How a call fails. AssemblyScript has no exceptions: `fail` notes the first failure of a call, and the ABI returns it to the engine in
 * place of the call's result. After `fail`, return as soon as you can.
 */

/** Cases of the world's `error`, in the order of their discriminants. */
export enum Failure {
  InvalidConfig,
  InvalidSchema,
  InvalidBatch,
  InvalidRow,
  Exhausted,
  Failed,
}

export class PendingFailure {
  static set: bool = false;
  static kind: Failure = Failure.Failed;
  static message: string = '';
  static row: u32 = 0;
  static column: string = '';
}

/** Makes the call at hand fail with a message: one sentence, without a final full stop. The first failure of a call counts. */
export function fail(kind: Failure, message: string): void {
  if (PendingFailure.set) return;
  PendingFailure.set = true;
  PendingFailure.kind = kind;
  PendingFailure.message = message;
}

/** Makes the call fail because of one row. To leave out single rows and go on, use `rejectRow`. */
export function failRow(row: u32, column: string, message: string): void {
  if (PendingFailure.set) return;
  fail(Failure.InvalidRow, message);
  PendingFailure.row = row;
  PendingFailure.column = column;
}

/** True once the call at hand has failed. */
export function failed(): bool {
  return PendingFailure.set;
}

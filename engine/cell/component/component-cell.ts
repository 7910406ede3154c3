/**
 * A component as a cell: batches in, batches out, watermarks with the timers they make due, and what becomes of a guest's errors.
 *
 * An error in the world's own terms, or a row that the guest rejects, follows the operator's `onError`. After a trap (a deadline, a
 * broken contract, a malformed result included) the guest's memory is not to be trusted: with `fail` the run fails; with `skip` and
 * `divert` the batch is left out and a fresh instance takes over, with its state empty, which is logged and counted.
 */
import type { Batch } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import type { OutputPort } from '../../compile/cell-plan.ts';
import { CloudskinError, internalError, userError } from '../../errors.ts';
import { ERRORS_SCHEMA, type OnError } from '../../graph/plan.ts';
import type { Cell, CellCounters, CellState, Emit, StateSize } from '../cell.ts';
import { isAwake, isGone, type Sleeper } from './awake.ts';
import { ComponentState, type SavedCounts } from './component-state.ts';
import type { BatchFramer, GuestBatchReader } from './framer.ts';
import { Guest, type GuestSetup } from './guest.ts';
import { describeGuestError, isFatal } from './guest-errors.ts';
import type { GuestDifference } from './guest-image.ts';
import { AbiViolation } from './guest-memory.ts';
import type { RowError } from './host.ts';
import type { ResultReceiver } from './lifter.ts';

export interface ComponentCellSetup extends GuestSetup {
  readonly name: string;
  readonly operatorName: string;
  readonly onError: OnError;
  readonly ports: readonly OutputPort[];
  /** By input; they and the readers hold nothing between calls, so that all cells of an operator share them. */
  readonly framers: readonly BatchFramer[];
  /** The guest's outputs, in its order, with the port that each goes to (-1: nobody reads it). */
  readonly outputs: readonly { readonly reader: GuestBatchReader; readonly port: number }[];
  /** The port of `.errors`, -1 where nobody reads it. */
  readonly errorsPort: number;
  /** True where all inputs of the cell are the guest's one input, their union. */
  readonly union: boolean;
}

/** Traps in a row after which a cell gives up even where errors are skipped. */
const MAX_TRAPS_IN_A_ROW = 10;

/** Which calls traps are counted of apart: one that never takes rows may take watermarks well, and the other way round. */
type Kind = 'rows' | 'time';

export class ComponentCell implements Cell, ResultReceiver, Sleeper {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  readonly #setup: ComponentCellSetup;
  readonly #pendingPorts: number[] = [];
  readonly #pendingBatches: Batch[] = [];
  #guest: Guest | undefined;
  /** In place of the guest. */
  #asleep: GuestDifference | undefined;
  /** Milliseconds of each call, where that is not as the operator was set up. */
  #limit: number | undefined;
  #called = false;
  /** A call is running, or somebody holds views of the guest's memory, which the next call ends. */
  #held = false;
  #emit: Emit = () => undefined;
  #errorRows: BatchBuilder | undefined;
  #errors = 0;
  readonly #trapsInARow: Record<Kind, number> = { rows: 0, time: 0 };
  #restarts = 0;
  /** What a receiver downstream threw; it is not the guest's. */
  #downstream: unknown;

  readonly state?: CellState;
  readonly noState?: string;

  constructor(setup: ComponentCellSetup, guest: Guest) {
    this.name = setup.name;
    this.outputs = setup.ports;
    this.#setup = setup;
    this.#guest = guest;
    const state = ComponentState.of(setup, {
      guest: () => {
        this.#held = true;
        return this.#open();
      },
      save: () => ({
        errors: this.#errors,
        traps: Math.max(this.#trapsInARow.rows, this.#trapsInARow.time),
        restarts: this.#restarts,
      }),
      restore: (counts) => this.#restore(counts),
    });
    if (typeof state === 'string') this.noState = state;
    else this.state = state;
    this.#held = false;
    if (this.noState === undefined) isAwake(this);
  }

  process(input: number, batch: Batch, emit: Emit): void {
    if (batch.rows === 0) return;
    const guest = this.#take();
    const index = this.#setup.union ? 0 : input;
    const framer = this.#setup.framers[index];
    if (framer === undefined) throw internalError('component.no-such-input', `${this.name} has no input ${input}`);
    const { grants } = this.#setup;
    this.#emit = emit;
    grants.expectRows(batch.rows);
    try {
      guest.lifter.process(index, batch, framer, this);
      this.#trapsInARow.rows = 0;
    } catch (error) {
      this.#handle(error, 'rows', 'processing a batch', batch.rows);
    } finally {
      grants.expectRows(-1);
      this.#held = false;
    }
  }

  onWatermark(time: bigint, emit: Emit): void {
    this.#emit = emit;
    this.#setup.grants.fireTimers(time, (due) => this.#fire(due));
    this.#call('taking a watermark', (guest) => guest.lifter.onWatermark(time, this));
  }

  onEnd(emit: Emit): void {
    this.#emit = emit;
    this.#setup.grants.fireLast((due) => this.#fire(due));
    this.#call('ending', (guest) => guest.lifter.onEnd(this));
  }

  counters(): CellCounters {
    return { late: 0, errors: this.#errors };
  }

  /** Figures of the operator's own, by name; `restarts` among them once there is one. */
  metrics(): ReadonlyMap<string, number> {
    const own = this.#setup.grants.metrics();
    return this.#restarts === 0 ? own : new Map([...own, ['restarts', this.#restarts]]);
  }

  memory(): number {
    return this.#guest?.size ?? this.#asleep?.size ?? 0;
  }

  /** Its memory; how many keys it has only the guest knows. */
  stateSize(): readonly StateSize[] {
    return [{ operator: this.name, keys: undefined, bytes: this.memory() }];
  }

  #restore({ errors, traps, restarts }: SavedCounts): void {
    this.#errors = errors;
    this.#trapsInARow.rows = traps;
    this.#restarts = restarts;
  }

  limitCalls(milliseconds: number): void {
    this.#limit = milliseconds;
    this.#guest?.limit(milliseconds);
  }

  close(): void {
    isGone(this);
    this.#asleep = undefined;
    this.#guest?.release();
    this.#guest = undefined;
  }

  wasCalled(): boolean {
    const called = this.#called;
    this.#called = false;
    return called;
  }

  sleep(): boolean {
    if (this.#guest === undefined || this.#held) return false;
    this.#asleep = this.#guest.sleep();
    if (this.#asleep === undefined) return false;
    this.#guest = undefined;
    return true;
  }

  #discard(): void {
    this.#guest?.discard();
    this.#guest = undefined;
  }

  take(output: number, address: number, length: number): void {
    const target = this.#setup.outputs[output];
    if (target === undefined) throw new AbiViolation(`it returned a batch for output ${output}`);
    const batch = target.reader.read(this.#open().lifter.memory, address, length);
    if (batch.rows === 0 || target.port < 0) return;
    this.#pendingPorts.push(target.port);
    this.#pendingBatches.push(batch);
  }

  flush(): void {
    const { rejected } = this.#setup.grants;
    if (rejected.length > 0) this.#reportRejected(rejected.splice(0));
    for (let i = 0; i < this.#pendingBatches.length; i++) {
      this.#send(this.#pendingPorts[i] ?? -1, this.#pendingBatches[i] as Batch);
    }
    this.#clearPending();
  }

  #clearPending(): void {
    if (this.#pendingBatches.length === 0) return;
    this.#pendingPorts.length = 0;
    this.#pendingBatches.length = 0;
  }

  #send(port: number, batch: Batch): void {
    try {
      this.#emit(port, batch);
    } catch (error) {
      this.#downstream = error;
      throw error;
    }
  }

  /** For a call; `#held` ends with it. */
  #take(): Guest {
    this.#called = true;
    this.#held = true;
    return this.#open();
  }

  #open(): Guest {
    if (this.#guest === undefined && this.#asleep !== undefined) {
      this.#guest = Guest.wake(this.#setup, this.#asleep);
      this.#asleep = undefined;
      if (this.#limit !== undefined) this.#guest.limit(this.#limit);
      isAwake(this);
    }
    if (this.#guest === undefined) throw internalError('component.closed', `${this.name} is closed or has failed`);
    return this.#guest;
  }

  #fire(time: bigint): void {
    this.#call('taking a timer', (guest) => guest.lifter.onTimer(time, this));
  }

  #call(doing: string, call: (guest: Guest) => void): void {
    try {
      call(this.#take());
      this.#trapsInARow.time = 0;
    } catch (error) {
      this.#handle(error, 'time', doing, 0);
    } finally {
      this.#held = false;
    }
  }

  /** What becomes of a failed call; `rows` were lost with it. Throws where the run is to fail. */
  #handle(error: unknown, kind: Kind, doing: string, rows: number): void {
    this.#clearPending();
    if (this.#downstream !== undefined) throw this.#downstream;
    const { who, grants, onError } = this.#setup;
    const described = describeGuestError(error, who, doing, grants.lastError);
    grants.lastError = '';
    grants.rejected.length = 0;
    const guests = described instanceof CloudskinError && described.domain === 'user';
    if (!guests || onError === 'fail') {
      if (!guests || isFatal(error)) this.#discard();
      throw described;
    }
    if (isFatal(error)) this.#restart(kind, described);
    this.#errors += rows;
    grants.log('warn', `${described.message}; ${rows} rows were left out`);
    this.#divert([
      { code: described.code, message: described.message, position: rows === 0 ? null : `batch of ${rows} rows` },
    ]);
  }

  /** A fresh instance in place of one that trapped. */
  #restart(kind: Kind, reason: CloudskinError): void {
    this.#discard();
    this.#trapsInARow[kind] += 1;
    if (this.#trapsInARow[kind] > MAX_TRAPS_IN_A_ROW) throw reason;
    this.#restarts += 1;
    const { grants, who } = this.#setup;
    grants.timers.clearAll();
    grants.log('error', `${who} starts again with empty state`);
    grants.lastError = '';
    this.#guest = Guest.start(this.#setup);
    if (this.#limit !== undefined) this.#guest.limit(this.#limit);
  }

  #reportRejected(rejected: readonly RowError[]): void {
    const { onError, who } = this.#setup;
    const first = rejected[0];
    if (onError === 'fail' && first !== undefined) {
      const message = `${who} cannot take a row: ${first.message}`;
      throw userError('component.rejected-row', `${message} (${positionOf(first)} of the batch)`, {
        hint: 'onError: skip or divert leaves such rows out',
      });
    }
    this.#errors += rejected.length;
    this.#divert(
      rejected.map((row) => ({ code: 'component.rejected-row', message: row.message, position: positionOf(row) })),
    );
  }

  #divert(rows: readonly { code: string; message: string; position: string | null }[]): void {
    const { errorsPort, onError, operatorName, grants } = this.#setup;
    if (onError !== 'divert' || errorsPort < 0) return;
    this.#errorRows ??= new BatchBuilder(ERRORS_SCHEMA);
    const builder = this.#errorRows;
    const at = grants.now();
    for (const row of rows) {
      const values = [at, operatorName, row.code, row.message, row.position, null];
      for (const [column, value] of values.entries()) builder.columns[column]?.append(value);
      builder.endRow();
    }
    this.#send(errorsPort, builder.finish());
  }
}

function positionOf(row: RowError): string {
  return row.column === undefined ? `row ${row.row}` : `row ${row.row}, column ${row.column}`;
}

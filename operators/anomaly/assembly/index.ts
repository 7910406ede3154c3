/**
 * anomaly: how unusual is each value among the last ones of its key? The score is the distance to their median in robust standard
 * deviations, |x - median| / (1.4826 MAD), over the `window` values before it; outliers hardly move either, so that they do not hide
 * each other as they do behind a mean. Where more than half of the values are the same, so that the MAD is 0, the mean absolute
 * deviation takes its place (times 1.253314); where all are, any other value scores infinity.
 *
 * With `history`, a row must besides score more than all of the last `history` scores of its key (the `level`). That adapts to series whose
 * values have heavy tails or a daily rhythm, where no fixed threshold fits: as long as scores are exchangeable, a new largest one
 * among n others comes once in n + 1 rows, whatever their distribution.
 *
 * Sources: B. Iglewicz, D. C. Hoaglin, "How to Detect and Handle Outliers" (1993), the modified z-score and its cut-off 3.5; C. Leys et
 * al., "Detecting outliers: Do not use standard deviation around the mean, use absolute deviation around the median", Journal of
 * Experimental Social Psychology 49 (2013); the case of MAD 0 as in IBM SPSS's modified z score. The history:
 * R. Laxhammar, G. Falkman, "Online Learning and Sequential Anomaly Detection in Trajectories", IEEE TPAMI 36 (2014), after V. Vovk's
 * conformal prediction.
 *
 * config: value     column with the values, any number type
 *         key       column whose values are told apart; absent: all rows are one series
 *         threshold score from which a row is anomalous (3.5)
 *         window    values remembered a key, 3 to 10,000 (200)
 *         minimum   values of a key before its first score, 2 to `window` (30, or `window` if that is less)
 *         history   scores remembered a key, a multiple of 16 up to 1,000,000; 0 for none (0)
 *         maxKeys   keys remembered at a time (10,000); the least recently seen one is forgotten, and counted as `evicted-keys`
 *         prefix    put before the names of the new columns
 *
 * Output: the columns of the input, and `score` float64 (null for the first `minimum` values of a key, and for values that are null or
 * not finite, which are not remembered), `anomalous` bool (false where there is no score), `expected` float64 (the median; null with the
 * score), and with `history` `level` float64 (null until `minimum` scores are known; no row is anomalous before). A row is scored in the order in which it comes, before it is remembered.
 */
import {
  Batch,
  Buffer,
  Column,
  ColumnBuilder,
  Config,
  count,
  Failure,
  Field,
  fail,
  Kind,
  OutputBuilder,
  register,
  Schema,
  StatefulOperator,
  StateWriter,
} from '../../sdk/assemblyscript/assembly';
import { History } from './history';
import { KeyTable, NULL_KEY } from './keys';
import { Window } from './window';

export * from '../../sdk/assemblyscript/assembly/abi';
export * from '../../sdk/assemblyscript/assembly/state-abi';

/** Bytes that the windows of all keys together may take. */
const MAX_STATE: u64 = 134217728;

class Anomaly extends StatefulOperator {
  private threshold: f64 = 3.5;
  private minimum: i32 = 30;
  private valueIndex: i32 = -1;
  private keyIndex: i32 = -1;
  private keyKind: Kind = Kind.Utf8;
  private window: Window = new Window(1);
  private history: History = new History(0);
  private keys: KeyTable = new KeyTable(1);
  private states: StaticArray<usize> = new StaticArray<usize>(0);
  private columns: i32 = 0;
  private reported: u64 = 0;
  private scores: ColumnBuilder = new ColumnBuilder(new Field('', Kind.Float64));
  private flags: ColumnBuilder = new ColumnBuilder(new Field('', Kind.Bool));
  private medians: ColumnBuilder = new ColumnBuilder(new Field('', Kind.Float64));
  private levels: ColumnBuilder = new ColumnBuilder(new Field('', Kind.Float64));
  private scratch: usize = memory.data(8, 8);
  /** Values of a key on their way out. */
  private ordered: Buffer = new Buffer();

  init(config: Config, names: string[], inputs: Schema[]): void {
    const value = config.requiredText('value', 'the column with the values');
    const key = config.text('key', '');
    this.threshold = config.f64('threshold', 3.5, 0, 1e300);
    const size = config.i32('window', 200, 3, 10000);
    this.minimum = config.i32('minimum', min(30, size), 2, size);
    const maxKeys = config.i32('maxKeys', 10000, 1, 10000000);
    const prefix = config.text('prefix', '');
    const history = config.i32('history', 0, 0, 1000000);
    if (history % 16 != 0) config.problem('history must be a multiple of 16');
    this.history = new History(history);
    const stateBytes = <u64>(Window.bytes(size) + this.history.bytes);
    const bytes = stateBytes * <u64>(key.length > 0 ? maxKeys : 1);
    if (config.has('maxKeys') && bytes > MAX_STATE) {
      config.problem('maxKeys times window takes more than 128 MiB; lower one of them');
    }
    if (!config.finish()) return;
    if (inputs.length != 1) return fail(Failure.InvalidSchema, 'anomaly takes one input');
    if (!this.findColumns(inputs[0], value, key)) return;
    this.window = new Window(size);
    const slots = key.length > 0 ? <i32>min(<u64>maxKeys, MAX_STATE / stateBytes) : 1;
    this.keys = new KeyTable(slots);
    this.states = new StaticArray<usize>(slots);
    this.defineOutput(inputs[0], prefix);
  }

  private findColumns(schema: Schema, value: string, key: string): bool {
    this.valueIndex = schema.find(value);
    this.keyIndex = key.length > 0 ? schema.find(key) : -1;
    const missing = this.valueIndex < 0 ? value : key.length > 0 && this.keyIndex < 0 ? key : '';
    if (missing.length > 0) {
      fail(Failure.InvalidSchema, 'the input has no column ' + missing + ' (it has: ' + schema.names + ')');
      return false;
    }
    if (!schema.fields[this.valueIndex].numeric) {
      fail(Failure.InvalidSchema, 'value column ' + value + ' is not a number');
      return false;
    }
    const kind = this.keyIndex < 0 ? Kind.Utf8 : schema.fields[this.keyIndex].kind;
    this.keyKind = kind;
    if (kind == Kind.Float32 || kind == Kind.Float64 || kind == Kind.Null) {
      fail(Failure.InvalidSchema, 'key column ' + key + ' must be text, an integer, a bool, a date or a time');
      return false;
    }
    return true;
  }

  private defineOutput(input: Schema, prefix: string): void {
    this.columns = input.fields.length;
    const fields = input.fields.slice(0);
    const added = [
      new Field(prefix + 'score', Kind.Float64),
      new Field(prefix + 'anomalous', Kind.Bool, false),
      new Field(prefix + 'expected', Kind.Float64),
    ];
    if (this.history.length > 0) added.push(new Field(prefix + 'level', Kind.Float64));
    for (let i = 0; i < added.length; i++) {
      if (input.find(added[i].name) >= 0) {
        return fail(Failure.InvalidSchema, 'the input has a column ' + added[i].name + ' already; set prefix');
      }
      fields.push(added[i]);
    }
    this.scores = new ColumnBuilder(added[0]);
    this.flags = new ColumnBuilder(added[1]);
    this.medians = new ColumnBuilder(added[2]);
    if (this.history.length > 0) this.levels = new ColumnBuilder(added[3]);
    this.outputs.push(new OutputBuilder(new Schema(fields)));
  }

  process(input: i32, batch: Batch): void {
    const values = batch.columns[this.valueIndex];
    this.scores.reset(batch.rows);
    this.flags.reset(batch.rows);
    this.medians.reset(batch.rows);
    this.levels.reset(batch.rows);
    for (let row = 0; row < batch.rows; row++) {
      const value = values.f64(row);
      if (values.isNull(row) || !isFinite(value)) this.pass();
      else this.score(batch, row, value);
    }
    const output = this.outputs[0];
    output.setAll(batch);
    output.set(this.columns, this.scores.finish());
    output.set(this.columns + 1, this.flags.finish());
    output.set(this.columns + 2, this.medians.finish());
    if (this.history.length > 0) output.set(this.columns + 3, this.levels.finish());
    output.emit(0, batch.rows);
    if (this.keys.evicted > this.reported) {
      count('evicted-keys', this.keys.evicted - this.reported);
      this.reported = this.keys.evicted;
    }
  }

  private pass(): void {
    this.scores.pushNull();
    this.flags.pushBool(false);
    this.medians.pushNull();
    this.levels.pushNull();
  }

  private score(batch: Batch, row: i32, value: f64): void {
    const window = this.window;
    this.openState(batch, row);
    if (window.count < this.minimum) this.pass();
    else {
      window.measure();
      const distance = Math.abs(value - window.median);
      const score = distance == 0 ? 0 : distance / window.scale;
      this.scores.pushF64(score);
      const exceeds = this.exceeds(score);
      this.flags.pushBool(score >= this.threshold && exceeds);
      this.medians.pushF64(window.median);
    }
    window.add(value);
  }

  /** Compares a score with those before it, and remembers it; true where there is no history. */
  private exceeds(score: f64): bool {
    const history = this.history;
    if (history.length == 0) return true;
    const known = history.count >= min(this.minimum, history.length);
    const level = history.largest();
    if (known) this.levels.pushF64(level);
    else this.levels.pushNull();
    history.add(score);
    return known && score > level;
  }

  /** Points window and history at the state of the row's key. */
  private openState(batch: Batch, row: i32): void {
    this.openFresh(this.keyIndex < 0 ? this.keys.slot(0, NULL_KEY) : this.slotOf(batch.columns[this.keyIndex], row));
  }

  /** As `openSlot`, for the slot found last: of a fresh key the state begins anew. */
  private openFresh(slot: i32): void {
    if (this.states[slot] == 0) this.states[slot] = heap.alloc(Window.bytes(this.window.capacity) + this.history.bytes);
    if (this.keys.fresh) store<i64>(this.states[slot], 0);
    this.openSlot(slot);
    if (this.keys.fresh) this.history.reset();
  }

  private openSlot(slot: i32): void {
    const state = this.states[slot];
    this.window.open(state);
    this.history.open(state + Window.bytes(this.window.capacity));
  }

  /** One row a key: its values in the order in which they came, and what the history keeps. */
  stateFields(): Field[] {
    const fields: Field[] = [];
    if (this.keyIndex >= 0) {
      const kind = this.keyKind == Kind.Utf8 || this.keyKind == Kind.Binary ? this.keyKind : Kind.Int64;
      const key = new Field('key', kind);
      key.key = true;
      fields.push(key);
    }
    fields.push(new Field('values', Kind.Binary, false));
    fields.push(new Field('history', Kind.Binary, false));
    return fields;
  }

  /** The key seen longest ago comes first, so that keys go on being forgotten in their order. */
  exportState(out: StateWriter): void {
    const keyed = this.keyIndex >= 0;
    const values = out.columns[keyed ? 1 : 0];
    const history = out.columns[keyed ? 2 : 1];
    for (let slot = this.keys.first; slot >= 0; slot = this.keys.after(slot)) {
      if (keyed) this.pushKey(out.columns[0], slot);
      this.openSlot(slot);
      const size = this.window.count;
      this.ordered.reserve(<usize>size * 8);
      for (let i = 0; i < size; i++) store<f64>(this.ordered.start + ((<usize>i) << 3), this.window.value(i));
      values.pushBytes(this.ordered.start, size * 8);
      history.pushBytes(this.history.start, <i32>this.history.bytes);
      out.endRow();
    }
  }

  private pushKey(column: ColumnBuilder, slot: i32): void {
    const length = this.keys.length(slot);
    if (length == NULL_KEY) column.pushNull();
    else if (column.column.field.text) column.pushBytes(this.keys.bytes(slot), length);
    else column.pushI64(load<i64>(this.keys.bytes(slot)));
  }

  clearState(): void {
    for (let slot = 0; slot < this.states.length; slot++) {
      if (this.states[slot] != 0) heap.free(this.states[slot]);
      this.states[slot] = 0;
      if (this.keys.bytes(slot) != 0) heap.free(this.keys.bytes(slot));
    }
    this.keys = new KeyTable(this.states.length);
    this.reported = 0;
  }

  /** Of values more than the window holds the last ones stay. */
  importState(batch: Batch): void {
    const keyed = this.keyIndex >= 0;
    const values = batch.columns[keyed ? 1 : 0];
    const history = batch.columns[keyed ? 2 : 1];
    for (let row = 0; row < batch.rows; row++) {
      const slot = keyed ? this.slotOf(batch.columns[0], row) : this.keys.slot(0, NULL_KEY);
      this.openFresh(slot);
      const count = values.byteLength(row) >> 3;
      const from = values.bytes(row);
      for (let i = max(0, count - this.window.capacity); i < count; i++) {
        this.window.add(load<f64>(from + ((<usize>i) << 3)));
      }
      this.history.take(history.bytes(row), history.byteLength(row));
    }
  }

  private slotOf(column: Column, row: i32): i32 {
    if (column.isNull(row)) return this.keys.slot(0, NULL_KEY);
    if (column.field.text) return this.keys.slot(column.bytes(row), column.byteLength(row));
    store<i64>(this.scratch, column.field.kind == Kind.Bool ? i64(column.bool(row)) : column.i64(row));
    return this.keys.slot(this.scratch, 8);
  }
}

register(new Anomaly());

/**
 * An operator to begin from: passes on readings above a limit, leaves out impossible ones, and tells once a minute of event time how many
 * it saw a machine. Its inputs need `machine` (utf8) and `celsius` (a number).
 */
import {
  Batch,
  ColumnBuilder,
  Config,
  Failure,
  Field,
  fail,
  Kind,
  Level,
  log,
  Operator,
  OutputBuilder,
  register,
  rejectRow,
  Schema,
  setTimer,
} from '../../assembly';

// The functions that the engine calls.
export * from '../../assembly/abi';

const MINUTE: i64 = 60_000_000;

class Limit extends Operator {
  private limit: f64 = 0;
  private machine: i32 = 0;
  private celsius: i32 = 0;
  private counts: Map<string, i64> = new Map();
  private columns: ColumnBuilder[] = [];
  private names: ColumnBuilder = new ColumnBuilder(new Field('machine', Kind.Utf8, false));
  private seen: ColumnBuilder = new ColumnBuilder(new Field('readings', Kind.Int64, false));
  private minutes: ColumnBuilder = new ColumnBuilder(new Field('minute', Kind.Timestamp, false));

  init(config: Config, names: string[], inputs: Schema[]): void {
    this.limit = config.f64('limit', 80, -273.15, 5000);
    if (!config.finish()) return;
    const input = inputs[0];
    this.machine = input.find('machine');
    this.celsius = input.find('celsius');
    if (this.machine < 0 || input.fields[this.machine].kind != Kind.Utf8) {
      return fail(Failure.InvalidSchema, 'the input needs a utf8 column machine');
    }
    if (this.celsius < 0 || !input.fields[this.celsius].numeric) {
      return fail(Failure.InvalidSchema, 'the input needs a number column celsius');
    }
    const hot = [new Field('machine', Kind.Utf8), new Field('celsius', Kind.Float64), new Field('urgent', Kind.Bool)];
    for (let i = 0; i < hot.length; i++) this.columns.push(new ColumnBuilder(hot[i]));
    this.minutes.column.field.time = true;
    const summary = [this.minutes.column.field, this.names.column.field, this.seen.column.field];
    this.outputs.push(new OutputBuilder(new Schema(hot)));
    this.outputs.push(new OutputBuilder(new Schema(summary), 'summary'));
  }

  process(input: i32, batch: Batch): void {
    const machines = batch.columns[this.machine];
    const readings = batch.columns[this.celsius];
    for (let i = 0; i < this.columns.length; i++) this.columns[i].reset(batch.rows);
    for (let row = 0; row < batch.rows; row++) {
      if (machines.isNull(row) || readings.isNull(row)) continue;
      const celsius = readings.f64(row);
      if (celsius < -273.15) {
        rejectRow(row, 'celsius', 'nothing is that cold');
        continue;
      }
      const machine = machines.text(row);
      this.counts.set(machine, this.counts.has(machine) ? this.counts.get(machine) + 1 : 1);
      if (celsius > this.limit) this.pass(machine, celsius);
    }
    this.emitHot();
  }

  private pass(machine: string, celsius: f64): void {
    this.columns[0].pushText(machine);
    this.columns[1].pushF64(celsius);
    if (celsius > this.limit * 2) this.columns[2].pushBool(true);
    else this.columns[2].pushNull();
  }

  private emitHot(): void {
    const output = this.outputs[0];
    for (let i = 0; i < this.columns.length; i++) output.set(i, this.columns[i].finish());
    const rows = this.columns[0].column.rows;
    if (rows > 0) output.emit(0, rows);
  }

  onWatermark(time: i64): void {
    setTimer((time / MINUTE + 1) * MINUTE);
  }

  onTimer(time: i64): void {
    log(Level.Info, 'summary of ' + this.counts.size.toString() + ' machines');
    this.summarise(time);
  }

  private summarise(time: i64): void {
    const names = this.counts.keys();
    this.minutes.reset(names.length);
    this.names.reset(names.length);
    this.seen.reset(names.length);
    for (let i = 0; i < names.length; i++) {
      this.minutes.pushI64(time);
      this.names.pushText(names[i]);
      this.seen.pushI64(this.counts.get(names[i]));
    }
    this.counts.clear();
    const output = this.outputs[1];
    output.set(0, this.minutes.finish());
    output.set(1, this.names.finish());
    output.set(2, this.seen.finish());
    if (names.length > 0) output.emit(1, names.length);
  }
}

register(new Limit());

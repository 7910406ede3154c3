/**
 * What an operator may ask of the engine: the imports of the world, with AssemblyScript's types.
 */
import { Scratch } from './memory';

export enum Level {
  Trace,
  Debug,
  Info,
  Warn,
  Error,
}

@external('cloudskin:operator/logging@0.1.0', 'log')
declare function hostLog(level: i32, text: usize, length: i32): void;

@external('cloudskin:operator/metrics@0.1.0', 'count')
declare function hostCount(name: usize, length: i32, delta: u64): void;

@external('cloudskin:operator/metrics@0.1.0', 'gauge')
declare function hostGauge(name: usize, length: i32, value: f64): void;

@external('cloudskin:operator/clock@0.1.0', 'now')
declare function hostNow(): i64;

@external('cloudskin:operator/random@0.1.0', 'next')
declare function hostNext(): u64;

@external('cloudskin:operator/timers@0.1.0', 'set')
declare function hostSetTimer(time: i64): i32;

@external('cloudskin:operator/timers@0.1.0', 'clear')
declare function hostClearTimer(time: i64): void;

@external('cloudskin:operator/rows@0.1.0', 'reject')
declare function hostReject(
  row: i32,
  hasColumn: i32,
  column: usize,
  columnLength: i32,
  message: usize,
  messageLength: i32,
): void;

/** A message for whoever runs the graph. */
export function log(level: Level, message: string): void {
  const text = Scratch.text(message);
  hostLog(level, text, Scratch.length);
}

/** Adds to a counter of the operator's own. */
export function count(name: string, delta: u64): void {
  const text = Scratch.text(name);
  hostCount(text, Scratch.length, delta);
}

/** Sets a gauge of the operator's own. */
export function gauge(name: string, value: f64): void {
  const text = Scratch.text(name);
  hostGauge(text, Scratch.length, value);
}

/** Processing time in microseconds since 1970. */
export function now(): i64 {
  return hostNow();
}

/** 64 random bits from the engine's seed. */
export function random(): u64 {
  return hostNext();
}

/** Asks for `onTimer(time)` once the watermark reaches `time`; false when there are too many timers. */
export function setTimer(time: i64): bool {
  return hostSetTimer(time) != 0;
}

/** Takes a timer back. */
export function clearTimer(time: i64): void {
  hostClearTimer(time);
}

/** Leaves out one row of the batch at hand and tells the engine why; the caller goes on with the next row. */
export function rejectRow(row: i32, column: string, message: string): void {
  const name = Scratch.text(column);
  const nameLength = Scratch.length;
  const text = Scratch.more(message);
  hostReject(row, i32(column.length > 0), name, nameLength, text, Scratch.length);
}

/** What AssemblyScript calls on a failed assertion or an out-of-bounds access: says where, then traps. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message === null ? 'aborted' : message;
  const where = file === null ? '' : ' at ' + file + ':' + line.toString() + ':' + column.toString();
  log(Level.Error, what + where);
  unreachable();
}

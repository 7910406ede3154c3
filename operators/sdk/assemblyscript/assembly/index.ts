/**
 * The SDK for operators in AssemblyScript. An operator's entry file imports from here, exports `./abi`, and registers its operator.
 */
export { Batch, Column, Float64Column } from './batch';
export { Config } from './config';
export { Failure, fail, failed, failRow } from './failure';
export { abort, clearTimer, count, gauge, Level, log, now, random, rejectRow, setTimer } from './host';
export { Operator, register } from './operator';
export { Buffer, ColumnBuilder, OutputBuilder } from './output';
export { StatefulOperator, StateWriter } from './state';
export { Field, Kind, Schema, TIME_KEY, Unit } from './types';

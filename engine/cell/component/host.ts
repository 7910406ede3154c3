/**
 * What a guest is given: the host's side of the world's imports, and its core functions in the canonical ABI.
 */
import { defined } from '../../defined.ts';
import type { HostRef } from './component-binary.ts';
import { AbiViolation, type GuestMemory } from './guest-memory.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface RowError {
  /** Counted from 0 in the batch at hand. */
  readonly row: number;
  readonly column?: string;
  readonly message: string;
}

/** Times are microseconds since the epoch. */
export interface OperatorHost {
  log(level: LogLevel, message: string): void;
  count(name: string, delta: bigint): void;
  gauge(name: string, value: number): void;
  now(): bigint;
  random(): bigint;
  /** False when there are too many timers. */
  setTimer(time: bigint): boolean;
  clearTimer(time: bigint): void;
  reject(error: RowError): void;
}

/** Bytes of a message that are kept. */
export const MAX_MESSAGE_BYTES = 4096;
const MAX_NAME_BYTES = 256;

type CoreFunction = (...args: never[]) => unknown;
/** The memory that a function's pointers count in; known once the guest's main module is instantiated. */
type Memory = () => GuestMemory;
/** Whom a call is for, which changes when a guest is taken into use again. */
type Host = () => OperatorHost;

function logFunction(host: Host, memory: Memory): CoreFunction {
  return (level: number, text: number, length: number): void => {
    const name = LOG_LEVELS[level];
    if (name === undefined) throw new AbiViolation(`log level ${level} does not exist`);
    host().log(name, memory().text(text, length, 'a log message', MAX_MESSAGE_BYTES));
  };
}

function metricName(memory: Memory, text: number, length: number): string {
  return memory().name(text, length, 'the name of a metric', MAX_NAME_BYTES);
}

function rejectFunction(host: Host, memory: Memory): CoreFunction {
  return (
    row: number,
    hasColumn: number,
    column: number,
    columnLength: number,
    message: number,
    messageLength: number,
  ): void => {
    const guest = memory();
    const text = guest.text(message, messageLength, 'the message of a rejected row', MAX_MESSAGE_BYTES);
    const name =
      hasColumn === 0 ? undefined : guest.text(column, columnLength, 'the column of a rejected row', MAX_NAME_BYTES);
    host().reject({ row: row >>> 0, message: text, ...defined({ column: name }) });
  };
}

/** Makes the core function for a host function of the world. */
export function coreFunction(ref: HostRef, host: Host, memory: Memory): CoreFunction {
  switch (`${ref.interface}#${ref.function}`) {
    case 'cloudskin:operator/logging@0.1.0#log':
      return logFunction(host, memory);
    case 'cloudskin:operator/metrics@0.1.0#count':
      return (text: number, length: number, delta: bigint) =>
        host().count(metricName(memory, text, length), BigInt.asUintN(64, delta));
    case 'cloudskin:operator/metrics@0.1.0#gauge':
      return (text: number, length: number, value: number) => host().gauge(metricName(memory, text, length), value);
    case 'cloudskin:operator/clock@0.1.0#now':
      return () => host().now();
    case 'cloudskin:operator/random@0.1.0#next':
      return () => BigInt.asIntN(64, host().random());
    case 'cloudskin:operator/timers@0.1.0#set':
      return (time: bigint) => (host().setTimer(time) ? 1 : 0);
    case 'cloudskin:operator/timers@0.1.0#clear':
      return (time: bigint) => host().clearTimer(time);
    case 'cloudskin:operator/rows@0.1.0#reject':
      return rejectFunction(host, memory);
    default:
      throw new AbiViolation(`an operator is not given ${ref.function} of ${ref.interface}`);
  }
}

/** Windows of a join: microseconds inside, whatever the unit of either side's time. */
import { UNITS_PER_SECOND } from '../../batch/types.ts';
import type { JoinSide, JoinStep } from '../../graph/plan.ts';

const MICROS = 1_000_000n;
const INT64 = 2n ** 63n;

/** The end, in microseconds, of the window that holds a time of the side; undefined where the time is null or no window holds it. */
export function windowEnd(
  { window: { size }, output }: JoinStep,
  side: JoinSide,
  time: bigint | null,
): bigint | undefined {
  if (time === null) return undefined;
  const micros = microsOf(side, side.timeIsEnd === true ? time - 1n : time);
  const end = (floorDivide(micros, size) + 1n) * size;
  const units = unitsOf(output.fields[1]?.type);
  const fits = [end - size, end].every((bound) => isInt64(bound) && isInt64(ticksOf(bound, units)));
  return fits ? end : undefined;
}

/** A time of the side in microseconds, which may be more than int64 holds. */
export function microsOf({ input, time }: JoinSide, ticks: bigint): bigint {
  const perSecond = unitsOf(input.fields[time]?.type);
  return perSecond > MICROS ? floorDivide(ticks, perSecond / MICROS) : ticks * (MICROS / perSecond);
}

/** `window_start` and `window_end` as they come out. */
export function boundsOf({ window: { size }, output }: JoinStep, end: bigint): readonly [start: bigint, end: bigint] {
  const units = unitsOf(output.fields[1]?.type);
  return [ticksOf(end - size, units), ticksOf(end, units)];
}

export function unitsOf(type: JoinSide['input']['fields'][number]['type'] | undefined): bigint {
  return UNITS_PER_SECOND[type?.kind === 'timestamp' ? type.unit : 'us'];
}

function ticksOf(micros: bigint, perSecond: bigint): bigint {
  return perSecond > MICROS ? micros * (perSecond / MICROS) : micros / (MICROS / perSecond);
}

function isInt64(value: bigint): boolean {
  return value >= -INT64 && value < INT64;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** Fields of timestamps and durations (`extract`, `date_part`) and `date_trunc`: one function a field. */
import {
  civilDay,
  civilMonth,
  civilYear,
  dayOfWeek,
  daysOf,
  fromCivil,
  midnight,
  mondayOf,
  ticksOfDay,
  toCivil,
} from './dates-calendar';
import { fail, OUT_OF_RANGE } from './text';

function civilOf(value: i64, perSecond: i64): void {
  toCivil(daysOf(value, perSecond));
}

/** The year as people count it, without a year 0. */
function commonYear(year: i64): f64 {
  return <f64>(year <= 0 ? year - 1 : year);
}

export function extract_year_timestamp(value: i64, perSecond: i64): f64 {
  civilOf(value, perSecond);
  return commonYear(civilYear);
}

/** Sets the civil date to the Thursday of the ISO week, whose year the week belongs to; returns its days. */
function thursdayOf(value: i64, perSecond: i64): i64 {
  const thursday = mondayOf(daysOf(value, perSecond)) + 3;
  toCivil(thursday);
  return thursday;
}

export function extract_isoyear_timestamp(value: i64, perSecond: i64): f64 {
  thursdayOf(value, perSecond);
  return commonYear(civilYear);
}

export function extract_week_timestamp(value: i64, perSecond: i64): f64 {
  const thursday = thursdayOf(value, perSecond);
  return <f64>((thursday - fromCivil(civilYear, 1, 1)) / 7 + 1);
}

export function extract_quarter_timestamp(value: i64, perSecond: i64): f64 {
  civilOf(value, perSecond);
  return <f64>((civilMonth + 2) / 3);
}

export function extract_month_timestamp(value: i64, perSecond: i64): f64 {
  civilOf(value, perSecond);
  return <f64>civilMonth;
}

export function extract_day_timestamp(value: i64, perSecond: i64): f64 {
  civilOf(value, perSecond);
  return <f64>civilDay;
}

export function extract_doy_timestamp(value: i64, perSecond: i64): f64 {
  const days = daysOf(value, perSecond);
  toCivil(days);
  return <f64>(days - fromCivil(civilYear, 1, 1) + 1);
}

export function extract_dow_timestamp(value: i64, perSecond: i64): f64 {
  return <f64>dayOfWeek(daysOf(value, perSecond));
}

export function extract_isodow_timestamp(value: i64, perSecond: i64): f64 {
  const day = dayOfWeek(daysOf(value, perSecond));
  return <f64>(day === 0 ? 7 : day);
}

/** The fields of the ticks of a day; of a negative duration's rest all are negative. */
function hourOf(rest: i64, perSecond: i64): f64 {
  return <f64>(rest / (perSecond * 3600));
}

function minuteOf(rest: i64, perSecond: i64): f64 {
  return <f64>((rest / (perSecond * 60)) % 60);
}

/** Seconds of the minute with their fraction, in parts of which `scale` make a second, rounded once. */
function secondOf(rest: i64, perSecond: i64, scale: i64): f64 {
  const ticks = rest % (perSecond * 60);
  return scale >= perSecond ? <f64>(ticks * (scale / perSecond)) : <f64>ticks / <f64>(perSecond / scale);
}

export function extract_hour_timestamp(value: i64, perSecond: i64): f64 {
  return hourOf(ticksOfDay(value, perSecond), perSecond);
}

export function extract_minute_timestamp(value: i64, perSecond: i64): f64 {
  return minuteOf(ticksOfDay(value, perSecond), perSecond);
}

export function extract_second_timestamp(value: i64, perSecond: i64): f64 {
  return secondOf(ticksOfDay(value, perSecond), perSecond, 1);
}

export function extract_millisecond_timestamp(value: i64, perSecond: i64): f64 {
  return secondOf(ticksOfDay(value, perSecond), perSecond, 1000);
}

export function extract_microsecond_timestamp(value: i64, perSecond: i64): f64 {
  return secondOf(ticksOfDay(value, perSecond), perSecond, 1000000);
}

export function extract_epoch_timestamp(value: i64, perSecond: i64): f64 {
  return <f64>value / <f64>perSecond;
}

/** Ticks behind a duration's whole days. */
function restOf(value: i64, perSecond: i64): i64 {
  return value % (perSecond * 86400);
}

export function extract_day_duration(value: i64, perSecond: i64): f64 {
  return <f64>(value / (perSecond * 86400));
}

export function extract_hour_duration(value: i64, perSecond: i64): f64 {
  return hourOf(restOf(value, perSecond), perSecond);
}

export function extract_minute_duration(value: i64, perSecond: i64): f64 {
  return minuteOf(restOf(value, perSecond), perSecond);
}

export function extract_second_duration(value: i64, perSecond: i64): f64 {
  return secondOf(restOf(value, perSecond), perSecond, 1);
}

export function extract_millisecond_duration(value: i64, perSecond: i64): f64 {
  return secondOf(restOf(value, perSecond), perSecond, 1000);
}

export function extract_microsecond_duration(value: i64, perSecond: i64): f64 {
  return secondOf(restOf(value, perSecond), perSecond, 1000000);
}

export function extract_epoch_duration(value: i64, perSecond: i64): f64 {
  return <f64>value / <f64>perSecond;
}

/** The greatest multiple of `size` that is not greater. */
function floorTo(value: i64, size: i64): i64 {
  const rest = value % size;
  if (rest >= 0) return value - rest;
  const above = value - rest;
  return above < i64.MIN_VALUE + size ? fail(OUT_OF_RANGE) : above - size;
}

export function date_trunc_microsecond_timestamp(value: i64, perSecond: i64): i64 {
  return perSecond <= 1000000 ? value : floorTo(value, perSecond / 1000000);
}

export function date_trunc_millisecond_timestamp(value: i64, perSecond: i64): i64 {
  return perSecond <= 1000 ? value : floorTo(value, perSecond / 1000);
}

export function date_trunc_second_timestamp(value: i64, perSecond: i64): i64 {
  return floorTo(value, perSecond);
}

export function date_trunc_minute_timestamp(value: i64, perSecond: i64): i64 {
  return floorTo(value, perSecond * 60);
}

export function date_trunc_hour_timestamp(value: i64, perSecond: i64): i64 {
  return floorTo(value, perSecond * 3600);
}

export function date_trunc_day_timestamp(value: i64, perSecond: i64): i64 {
  return floorTo(value, perSecond * 86400);
}

export function date_trunc_week_timestamp(value: i64, perSecond: i64): i64 {
  return midnight(mondayOf(daysOf(value, perSecond)), perSecond);
}

/** The first day of the group of so many months. */
function firstOfMonths(value: i64, perSecond: i64, size: i32): i64 {
  civilOf(value, perSecond);
  return midnight(fromCivil(civilYear, civilMonth - ((civilMonth - 1) % size), 1), perSecond);
}

export function date_trunc_month_timestamp(value: i64, perSecond: i64): i64 {
  return firstOfMonths(value, perSecond, 1);
}

export function date_trunc_quarter_timestamp(value: i64, perSecond: i64): i64 {
  return firstOfMonths(value, perSecond, 3);
}

export function date_trunc_year_timestamp(value: i64, perSecond: i64): i64 {
  return firstOfMonths(value, perSecond, 12);
}

/** Whole numbers as decimal text. */
import { arenaAllocate } from './memory';
import { pack } from './text';

/** Digits of a number in decimal; 1 for 0. */
export function decimalDigits(value: u64): i32 {
  let count: i32 = 1;
  while (value >= 10000) {
    value /= 10000;
    count += 4;
  }
  if (value >= 1000) return count + 3;
  if (value >= 100) return count + 2;
  return count + <i32>(value >= 10);
}

/** Writes the last `count` decimal digits of a number, zeros in front. */
export function writeDigits(at: usize, value: u64, count: i32): void {
  let position = at + <usize>count;
  // 32-bit division where it will do: it is several times as fast.
  while (value > 0xffffffff && position > at) {
    const quotient = value / 10;
    position -= 1;
    store<u8>(position, 0x30 + <u32>(value - quotient * 10));
    value = quotient;
  }
  let small = <u32>value;
  while (position > at) {
    const quotient = small / 10;
    position -= 1;
    store<u8>(position, 0x30 + (small - quotient * 10));
    small = quotient;
  }
}

/** An int64 as text. */
export function formatInt(value: i64): i64 {
  const negative = value < 0;
  const magnitude = <u64>(negative ? -value : value);
  const count = decimalDigits(magnitude);
  const start = <usize>arenaAllocate(20);
  store<u8>(start, 0x2d);
  writeDigits(start + <usize>negative, magnitude, count);
  return pack(start, count + <i32>negative);
}

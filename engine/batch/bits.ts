/** Bitmaps as Arrow has them: least significant bit first, a set validity bit meaning "not null". */

/** Set bits among the first 2^8 numbers. */
const ONES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) ones++;
  return ones;
});

export function getBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** Set bits from `from` up to `to`, exclusive. */
export function countOnes(bits: Uint8Array, from: number, to: number): number {
  let ones = 0;
  let at = from;
  for (; at < to && (at & 7) !== 0; at++) if (getBit(bits, at)) ones++;
  for (; at + 8 <= to; at += 8) ones += ONES[bits[at >> 3] ?? 0] ?? 0;
  for (; at < to; at++) if (getBit(bits, at)) ones++;
  return ones;
}

/** Copies `count` bits; bits of `target` around them stay. */
export function copyBits(source: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
  let done = 0;
  if ((to & 7) === 0) {
    const whole = count >> 3;
    const start = from >> 3;
    const shift = from & 7;
    if (shift === 0) target.set(source.subarray(start, start + whole), to >> 3);
    else {
      for (let i = 0; i < whole; i++) {
        target[(to >> 3) + i] = ((source[start + i] ?? 0) >> shift) | ((source[start + i + 1] ?? 0) << (8 - shift));
      }
    }
    done = whole * 8;
  }
  for (; done < count; done++) setBit(target, to + done, getBit(source, from + done));
}

/** Sets `count` bits to one. */
export function fillOnes(target: Uint8Array, to: number, count: number): void {
  let at = to;
  const end = to + count;
  for (; at < end && (at & 7) !== 0; at++) setBit(target, at, true);
  const whole = Math.max(0, (end - at) >> 3);
  target.fill(255, at >> 3, (at >> 3) + whole);
  for (at += whole * 8; at < end; at++) setBit(target, at, true);
}

export function setBit(bits: Uint8Array, index: number, value: boolean): void {
  const byte = bits[index >> 3] ?? 0;
  bits[index >> 3] = value ? byte | (1 << (index & 7)) : byte & ~(1 << (index & 7));
}

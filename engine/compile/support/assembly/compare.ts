/** Comparison of text and bytes: by bytes, which for UTF-8 is the order of code points. */

/** Negative, zero or positive as the first is less, equal or greater. */
function order(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  const common = <usize>min(aLen, bLen);
  const sign = memory.compare(a, b, common);
  return sign !== 0 ? sign : aLen - bLen;
}

function equal(a: usize, aLen: i32, b: usize, bLen: i32): bool {
  return aLen === bLen && memory.compare(a, b, <usize>aLen) === 0;
}

export function eq_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>equal(a, aLen, b, bLen);
}

export function ne_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>!equal(a, aLen, b, bLen);
}

export function lt_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) < 0);
}

export function le_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) <= 0);
}

export function gt_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) > 0);
}

export function ge_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) >= 0);
}

export function eq_binary(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>equal(a, aLen, b, bLen);
}

export function ne_binary(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>!equal(a, aLen, b, bLen);
}

export function lt_binary(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) < 0);
}

export function le_binary(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) <= 0);
}

export function gt_binary(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) > 0);
}

export function ge_binary(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  return <i32>(order(a, aLen, b, bLen) >= 0);
}

/** How calls return in the canonical ABI: a result's list or error in one return area, and what is taken back when the engine has read it. */
import { Failure, failed, PendingFailure } from './failure';
import { resetArguments, Scratch } from './memory';
import { Results } from './output';

/** Return area: discriminant of the result, then a list or the error variant. */
const area: usize = memory.data(64, 16);

/** Garbage is collected between calls, once this many bytes of memory were added since the last time. */
let collectAt: i32 = 0;

/** Writes the pending failure as `result::error`. */
export function failure(): usize {
  PendingFailure.set = false;
  store<u8>(area, 1);
  store<u8>(area, <u8>PendingFailure.kind, 4);
  if (PendingFailure.kind != Failure.InvalidRow) {
    const message = Scratch.text(PendingFailure.message);
    store<u32>(area, <u32>message, 8);
    store<u32>(area, <u32>Scratch.length, 12);
    return area;
  }
  const column = Scratch.text(PendingFailure.column);
  store<u32>(area, PendingFailure.row, 8);
  store<u8>(area, u8(PendingFailure.column.length > 0), 12);
  store<u32>(area, <u32>column, 16);
  store<u32>(area, <u32>Scratch.length, 20);
  const message = Scratch.more(PendingFailure.message);
  store<u32>(area, <u32>message, 24);
  store<u32>(area, <u32>Scratch.length, 28);
  return area;
}

export function success(list: usize, count: i32): usize {
  store<u8>(area, 0);
  store<u32>(area, <u32>list, 4);
  store<u32>(area, <u32>count, 8);
  return area;
}

export function result(): usize {
  return failed() ? failure() : success(Results.start, Results.count);
}

export function done(): void {
  Results.reset();
  resetArguments();
  if (memory.size() > collectAt) {
    __collect();
    collectAt = memory.size();
  }
}

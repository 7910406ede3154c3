/**
 * A windowed join in memory: plain constants, valid in AssemblyScript and in TypeScript.
 *
 *   head     at STATIC_BASE: where the rest lies, and how far the pairs of a closing window have come
 *   side     of either input: what its columns are and where a record has them
 *   pane     an open window: the records of either side, in blocks, in the order in which they came. Found and ordered as those of an aggregate (panes.ts)
 *   record   a row: hash, next of its chain, size, null bits, eight bytes a column (of text: offset in the record and length), text
 */

export const JOIN_PORT = 0;
export const JOIN_SIDES = 4;
export const JOIN_ROWS = 16;
/** Bytes of all panes and blocks (i64). */
export const JOIN_BYTES = 24;
/** Of the window that is closing: its index, that index's mask, the record of the first side, the next of the second. */
export const JOIN_INDEX = 32;
export const JOIN_MASK = 36;
export const JOIN_FIRST = 40;
export const JOIN_FIRST_BLOCK = 44;
export const JOIN_SECOND = 48;
/** Rows of the last batch that no window holds, and the first of them. */
export const JOIN_REFUSED = 52;
export const JOIN_REFUSED_ROW = 56;
/** Where the body of the batch that is taken lies, and its layout. */
export const JOIN_BODY = 60;
export const JOIN_LAYOUT = 64;
/** Microseconds (i64). */
export const JOIN_SIZE = 72;
/** Ticks of the output's time in a microsecond, or microseconds in a tick (i64, the other one 1). */
export const JOIN_OUT_TICKS = 80;
export const JOIN_OUT_MICROS = 88;
export const JOIN_HEAD = 128;

export const SIDE_COLUMNS = 0;
/** Columns that go out. */
export const SIDE_OUTPUT = 4;
export const SIDE_KEYS = 8;
/** Address of the keys: u32 columns. */
export const SIDE_KEY_LIST = 12;
export const SIDE_TIME = 16;
/** 1 where the time is the end of a window. */
export const SIDE_TIME_IS_END = 20;
/** Bytes of a record without text. */
export const SIDE_FIXED = 24;
export const SIDE_FIRST_SLOT = 28;
/** As of the output. */
export const SIDE_TICKS = 32;
export const SIDE_MICROS = 40;
/** Times that a window holds: from inclusive to inclusive, in ticks (i64). */
export const SIDE_LEAST = 48;
export const SIDE_GREATEST = 56;
export const SIDE_HEAD = 64;
/** Of a column: its FORM, and log2 of its width. */
export const SIDE_COLUMN = 8;

/** Where PANE_START is. */
export const JPANE_START = 0;
export const JPANE_END = 8;
/** Of either side, JPANE_SIDE apart: first block, last block, records. */
export const JPANE_FIRST = 16;
export const JPANE_LAST = 20;
export const JPANE_COUNT = 24;
export const JPANE_SIDE = 16;
export const JPANE_SIZE = 64;

export const BLOCK_NEXT = 0;
/** Where the next record goes, where the block ends, and what it was asked for with. */
export const BLOCK_TOP = 4;
export const BLOCK_END = 8;
export const BLOCK_BYTES = 12;
export const BLOCK_HEAD = 16;

export const JOINED_HASH = 0;
export const JOINED_NEXT = 4;
export const JOINED_SIZE = 8;
export const JOINED_NULLS = 16;

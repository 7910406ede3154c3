/**
 * The control block: words at fixed addresses in the first KiB of a compiled cell's memory, through which the host, the generated code and the
 * support functions speak. Plain constants, valid in AssemblyScript and in TypeScript, so that all three read one file.
 *
 *   0        1024             STATIC_BASE                 heap
 *   +--------+----------------+---------------------------+------------------------------+
 *   | control| support's data | literals, tables, layouts | blocks of the allocator ...  |
 *   +--------+----------------+---------------------------+------------------------------+
 */

/** Index in EVALUATION_ERRORS of what a support function could not do; the caller reads and clears it. */
export const ERROR = 4;
/** The temporary arena: next free byte, and its end. The generated code resets the top in front of a row. */
export const ARENA_TOP = 8;
export const ARENA_END = 12;
/** Where the arena begins, and the chunks that it outgrew during this call (a list, freed at the next call). */
export const ARENA_BASE = 16;
export const ARENA_OLD = 20;

/** Why the code trapped on purpose: one of the FAULT values. */
export const FAULT = 24;
export const FAULT_MEMORY = 1;

/** The allocator: next byte never given out, end of the memory, and the most bytes that the memory may grow to. */
export const HEAP_TOP = 28;
export const HEAP_END = 32;
export const HEAP_LIMIT = 36;

/** Not 0 where a column of the rows in place has a null. */
export const INPUT_NULLS = 40;

/** The last watermark in the time column's unit (i64): a window whose end is not after it is closed. */
export const WATERMARK = 48;
/** Rows found late so far (i64). */
export const LATE_ROWS = 56;

/** The window that the last row fell into, or 0. */
export const CURRENT_PANE = 68;
/** The open windows by start: an open-addressing table of addresses, its mask, how many there are. */
export const DIRECTORY = 72;
export const DIRECTORY_MASK = 76;
export const PANE_COUNT = 80;
/** The open windows as a binary heap, earliest first, and how many it has room for. */
export const HEAP = 84;
export const HEAP_CAPACITY = 88;
/** Groups in the window that closed last: how large the next one begins. */
export const GROUPS_HINT = 92;

/** Heads of the allocator's free lists, one a size class. */
export const FREE_LISTS = 256;

/** Where the control block ends: all of it is state. */
export const CONTROL_END = 1024;

/** Where the support module's own data must end, and the generated module's begins. */
export const STATIC_BASE = 262144;

/**
 * An open window (a pane) and its groups:
 *
 *   slots    u32 addresses of records, 0 where empty; open addressing, linear probing
 *   records  row-major, in the order of the groups' first rows: hash u32, null bits of the keys u32, rows i64, keys, accumulators
 *   bytes    chunks for keys and accumulators of variable length
 *   index    where the one key is an integer and keys lie close: u32 addresses of records by key less base; of those
 *            in its range it has all (but the null one)
 */
export const PANE_START = 0;
export const PANE_SLOTS = 8;
/** 32 less log2 of the number of slots. */
export const PANE_SHIFT = 12;
export const PANE_RECORDS = 16;
export const PANE_NEXT = 20;
export const PANE_END = 24;
export const PANE_BYTES = 28;
export const PANE_BYTES_END = 32;
export const PANE_CHUNKS = 36;
export const PANE_INDEX = 40;
export const PANE_INDEX_COUNT = 44;
export const PANE_INDEX_BASE = 48;
export const PANE_SIZE = 64;

export const RECORD_HASH = 0;
export const RECORD_NULLS = 4;
export const RECORD_ROWS = 8;
export const RECORD_KEYS = 16;

/**
 * An output port: rows gathered so far, in buffers that have room for `capacity` rows, and behind this head one entry a column.
 * `portPack` brings them together in one body, in a buffer of its own.
 */
export const PORT_ROWS = 0;
export const PORT_CAPACITY = 4;
export const PORT_COLUMNS = 8;
export const PORT_BODY = 12;
export const PORT_BODY_CAPACITY = 16;
export const PORT_LAYOUT = 20;
export const PORT_HEAD = 32;

/** A column of a port; `FORM` is one of the FORM values. */
export const COLUMN_FORM = 0;
export const COLUMN_SHIFT = 4;
export const COLUMN_NULLS = 8;
export const COLUMN_VALIDITY = 12;
export const COLUMN_VALUES = 16;
export const COLUMN_BYTES = 20;
export const COLUMN_LENGTH = 24;
export const COLUMN_BYTES_CAPACITY = 28;
export const COLUMN_SIZE = 32;

export const FORM_FIXED = 0;
export const FORM_BITS = 1;
export const FORM_BYTES = 2;

/** Rows that are worked on at a time, the bound of a selection. */
export const BLOCK_ROWS = 1024;

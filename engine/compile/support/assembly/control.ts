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

/** Where the input batch's body lies, and the bytes reserved for it. */
export const INPUT_BASE = 40;
export const INPUT_CAPACITY = 44;

/** The last watermark in the time column's unit (i64): a window whose end is not after it is closed. */
export const WATERMARK = 48;
/** Rows found late so far (i64). */
export const LATE_ROWS = 56;

/** The open windows; see panes.ts. */
export const PANES = 64;

/** Heads of the allocator's free lists, one a size class. */
export const FREE_LISTS = 256;

/** Where the support module's own data must end, and the generated module's begins. */
export const STATIC_BASE = 262144;

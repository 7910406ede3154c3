/** Bounds on what a graph document may be: a hostile file is refused before it costs memory or stack. */

/** Bytes of a graph file. */
export const MAX_GRAPH_BYTES = 1_048_576;
/** Values in a document, those that aliases repeat counted each time. */
export const MAX_NODES = 100_000;
/** Maps and lists inside one another. */
export const MAX_DEPTH = 64;
/** Characters of a scalar after parameters are substituted. */
export const MAX_SCALAR = 1_048_576;
/** Syntax errors that are reported; what follows them is mostly their consequence. */
export const MAX_SYNTAX_ERRORS = 5;
/** Problems that are reported of one file. */
export const MAX_PROBLEMS = 200;

/**
 * The support module: what generated code calls rather than inlines. Export names of catalogue functions are their ids
 * with `.` replaced by `_`; see `control.ts` for how they report errors and `memory.ts` for where results lie.
 */

export * from './bytes';
export * from './casts';
export * from './dates';
export * from './join';
export * from './maths';
export { allocate, arenaAllocate, arenaStart, dataEnd, initialise, release } from './memory';
export * from './panes';
export * from './ports';
export * from './strings';
export * from './strings-parts';

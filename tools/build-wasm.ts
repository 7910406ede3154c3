/**
 * Builds every Wasm artifact that a checkout needs (`npm ci` runs it as `prepare`, `npm run build` before packing). Each builder skips what is
 * newer than its sources.
 */
import { buildOperators } from './wasm/operators.ts';
import { buildSupport } from './wasm/support.ts';

const builders: readonly (() => Promise<void>)[] = [buildSupport, buildOperators];

for (const build of builders) await build();

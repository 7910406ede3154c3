/**
 * Builds every Wasm artifact that a checkout needs (`npm ci` runs it as `prepare`, `npm run build` before packing). Each builder skips what is
 * newer than its sources.
 */
import { buildSupport } from './wasm/support.ts';

const builders: readonly (() => Promise<void>)[] = [buildSupport];

for (const build of builders) await build();

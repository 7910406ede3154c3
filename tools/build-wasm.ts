/**
 * Builds every Wasm artifact that a checkout needs (`npm ci` runs it as `prepare`, `npm run build` before packing). Each builder skips what is
 * newer than its sources.
 */
const builders: readonly (() => Promise<void>)[] = [];

for (const build of builders) await build();

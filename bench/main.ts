/**
 * `npm run -s bench -- NAME [--json] [--quick]`: runs one benchmark, or all of them, and prints its figures as a table or,
 * with --json, as one object a line.
 */

import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Benchmark, type BenchOptions, formatTable } from './harness.ts';

/** Loaded when run, so that one benchmark never pays for the imports of another. */
const benchmarks: readonly {
  readonly name: string;
  readonly load: () => Promise<{ readonly benchmark: Benchmark }>;
}[] = [
  { name: 'call', load: () => import('./call.ts') },
  { name: 'checkpoint', load: () => import('./checkpoint.ts') },
  { name: 'csv', load: () => import('./csv.ts') },
  { name: 'idle', load: () => import('./idle.ts') },
  { name: 'ipc', load: () => import('./ipc.ts') },
  { name: 'move', load: () => import('./move.ts') },
  { name: 'nats', load: () => import('./nats.ts') },
  { name: 'pipeline', load: () => import('./pipeline.ts') },
  { name: 'precopy', load: () => import('./precopy.ts') },
  { name: 'recovery', load: () => import('./recovery.ts') },
  { name: 'scale', load: () => import('./scale.ts') },
  { name: 'start', load: () => import('./start.ts') },
  { name: 'startup', load: () => import('./startup.ts') },
  { name: 'task', load: () => import('./task.ts') },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});

/** `CLOUDSKIN_BENCH_TRIAL` is for tests that see whether the commands work. */
function sizeAsked(): BenchOptions['size'] {
  if (process.env.CLOUDSKIN_BENCH_TRIAL === '1') return 'trial';
  return values.quick ? 'quick' : 'full';
}

async function main(): Promise<number> {
  const known = benchmarks.map((entry) => entry.name);
  const wanted = positionals.length === 0 ? [] : positionals.includes('all') ? known : positionals;
  const unknown = wanted.find((name) => !known.includes(name));
  if (values.help || wanted.length === 0 || unknown !== undefined) {
    if (unknown !== undefined) console.error(`no benchmark is called ${unknown}`);
    console.error(`usage: npm run -s bench -- NAME... [--json] [--quick]\nbenchmarks: ${[...known, 'all'].join(', ')}`);
    return values.help ? 0 : 2;
  }
  for (const entry of benchmarks.filter((candidate) => wanted.includes(candidate.name))) {
    const { benchmark } = await entry.load();
    if (!values.json) console.log(`${benchmark.name}: ${benchmark.summary}`);
    const results = await benchmark.run({ size: sizeAsked() });
    if (values.json) for (const result of results) console.log(JSON.stringify(result));
    else console.log(`${formatTable(results)}\n`);
  }
  return 0;
}

process.exitCode = await main();

/**
 * How soon the command answers: `--version` beside a bare Node that prints a line, and `run` of a small graph to its first
 * printed row. Measured on what is published (`dist`, built first), as whole processes, interleaved.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import {
  against,
  type Benchmark,
  type BenchOptions,
  interleave,
  plain,
  quantile,
  type Result,
  sized,
} from './harness.ts';
import { type Published, published } from './published.ts';

const GRAPH = `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: startup }
spec:
  sources:
    readings:
      file: { path: readings.csv }
      schema: { sensor: utf8, at: "timestamp[ms]", value: float64 }
      time: { column: at, maxDelay: 1s }
  operators:
    minutes:
      from: readings
      filter: "value > 2"
      window: { tumbling: 1m }
      groupBy: [sensor]
      aggregate: { readings: count(*), mean: avg(value) }
  sinks:
    out: { from: minutes, console: { format: ndjson } }
`;

/**
 * Run in a fresh process: from the checked plan to the first rows at the sink, whose time it prints in milliseconds. What a graph costs
 * before that (parsing and checking) is in `run to first row`.
 */
const DEPLOY = `
const [directory, extension] = process.argv.slice(1);
const load = (path) => import(directory + path + '.' + extension);
const [{ readFileSync }, { prepareText, planOrThrow }, { fuse }, { connectors }, { Deployment }, { openCell }] = await Promise.all([
  import('node:fs'), load('/engine/runtime/prepare'), load('/engine/compile/fuse'), load('/connectors/registry'),
  load('/engine/runtime/run/deployment'), load('/engine/cell/open'),
]);
const plan = fuse(planOrThrow(await prepareText(readFileSync('graph.yaml'), 'graph.yaml', { connectors })));
const start = performance.now();
let first;
const stdout = () => { first ??= performance.now() - start; };
const options = { execution: 'compiled', now: Date.now, directory: process.cwd() };
await new Deployment(plan, { connectors, directory: process.cwd(), stdout, openCell: (cell) => openCell(cell, options) }).run();
console.log(first);
`;

async function planToFirstBatch(program: Published, directory: string, rounds: number): Promise<number> {
  const args = ['--input-type=module', '-e', DEPLOY, program.directory, program.extension];
  const times = Array.from({ length: rounds }, () =>
    Number(execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' })),
  );
  return quantile(
    times.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Runs a command to its first byte on standard output, then to its end; resolves to the milliseconds until that byte. */
function untilFirstByte(args: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let first = 0;
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', () => {
      if (first === 0) first = performance.now() - start;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && first > 0) resolve(first);
      else reject(new Error(`${args.join(' ')} ended with ${code} and ${first > 0 ? 'output' : 'no output'}`));
    });
  });
}

function writeInput(directory: string): void {
  const rows = Array.from({ length: 100 }, (_, index) => {
    const at = new Date(1_770_000_000_000 + index * 7_000).toISOString();
    return `s${index % 3},${at},${index % 11}`;
  });
  writeFileSync(join(directory, 'readings.csv'), `sensor,at,value\n${rows.join('\n')}\n`);
  writeFileSync(join(directory, 'graph.yaml'), GRAPH);
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const program = published(options);
  const { cli } = program;
  const directory = mkdtempSync(join(tmpdir(), 'cloudskin-startup-'));
  try {
    writeInput(directory);
    const variants = [
      { name: 'node-bare', run: async () => void (await untilFirstByte(['-e', 'console.log(1)'], directory)) },
      { name: '--version', run: async () => void (await untilFirstByte([cli, '--version'], directory)) },
      {
        name: 'run to first row',
        run: async () => void (await untilFirstByte([cli, 'run', '-q', 'graph.yaml'], directory)),
      },
    ];
    const rounds = sized(options, 21, 7, 1);
    const times = await interleave(variants, { rounds, warmup: 2 });
    const bare = (times.get('node-bare')?.median ?? Number.NaN) * 1000;
    const results = variants.map(({ name }) => {
      const result = plain('startup', name, 'time', (times.get(name)?.median ?? Number.NaN) * 1000, 'ms');
      return name === 'node-bare' ? result : against(result, { variant: 'node-bare', value: bare });
    });
    const deploy = await planToFirstBatch(program, directory, rounds);
    return [...results, plain('startup', 'plan to first batch', 'time', deploy, 'ms')];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export const benchmark: Benchmark = {
  name: 'startup',
  summary: '--version against a bare Node, run of a small graph to its first row, parsed graph to first batch',
  run,
};

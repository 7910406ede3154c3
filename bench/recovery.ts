/**
 * `bench recovery`: how long a graph is silent after `kill -9`. `embedded`: one process with `run --state`, started again at once by whoever watches it
 * (here: this program), until the first row that it had not put out before. A keyed aggregate over 100,000 keys is what has to come back. `agents`: the agent that runs it is
 * killed, where its site has another (recovery-agents.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';
import { agentsMissing, killedAgents, type Silence } from './recovery-agents.ts';

const CLI = fileURLToPath(new URL('../cli/bin.ts', import.meta.url));

const GRAPH = {
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'recovery' },
  spec: {
    sources: {
      readings: {
        generate: {
          rate: 200_000,
          interval: '5us',
          columns: { id: { sequence: {} }, at: { time: {} }, machine: { integers: { min: 0, max: 99_999 } } },
        },
        time: { column: 'at' },
      },
    },
    operators: {
      hours: {
        from: 'readings',
        window: { tumbling: '1h' },
        groupBy: ['machine'],
        aggregate: { rows: 'count(*)', last: 'max(id)' },
      },
      some: { from: 'readings', filter: 'id % 1000 = 0', select: { id: 'id' } },
    },
    sinks: {
      shown: { from: 'some', console: { format: 'csv' } },
      kept: { from: 'hours', file: { path: 'hours.csv' } },
    },
    checkpoint: { every: '250ms', keep: 2 },
  },
};

/** A run, and the greatest id that it has put out. */
interface Watched {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  /** Resolves at the first id above `seen`. */
  beyond(seen: number): Promise<void>;
  readonly greatest: () => number;
}

function watch(directory: string): Watched {
  const child = spawn(process.execPath, [CLI, 'run', '-q', 'graph.json', '--state', 'state'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let greatest = -1;
  let waiting: { readonly seen: number; readonly resolve: () => void } | undefined;
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) greatest = Math.max(greatest, Number(line) || 0);
    if (waiting !== undefined && greatest > waiting.seen) waiting.resolve();
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const beyond = (seen: number): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting = { seen, resolve };
      void ended.then(() => reject(new Error('the run has ended')));
    });
  return { child, ended, beyond, greatest: () => greatest };
}

/** Milliseconds from each kill to the first new row. */
async function embedded(rounds: number): Promise<number[]> {
  const directory = mkdtempSync(join(tmpdir(), 'cloudskin-recovery-'));
  writeFileSync(join(directory, 'graph.json'), JSON.stringify(GRAPH));
  const times: number[] = [];
  let run = watch(directory);
  try {
    await run.beyond(-1);
    for (let round = 0; round < rounds; round++) {
      await checkpoints(directory, 2);
      await sleep(50 + ((round * 97) % 200));
      const killed = performance.now();
      run.child.kill('SIGKILL');
      await run.ended;
      const seen = run.greatest();
      run = watch(directory);
      await run.beyond(seen);
      times.push(performance.now() - killed);
    }
    return times;
  } finally {
    run.child.kill('SIGKILL');
    await run.ended;
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Waits for as many more complete checkpoints. */
async function checkpoints(directory: string, more: number): Promise<void> {
  const path = join(directory, 'state/checkpoints/default/recovery/all/manifest');
  const newest = (): number => {
    try {
      return Math.max(0, ...readdirSync(path).map(Number).filter(Number.isInteger));
    } catch {
      return 0;
    }
  };
  const until = newest() + more;
  while (newest() < until) await sleep(10);
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const times = (await embedded(sized(options, 20, 5, 1))).toSorted((a, b) => a - b);
  const alone = [
    plain('recovery', 'embedded', 'kill to first new row, p50', quantile(times, 0.5), 'ms'),
    plain('recovery', 'embedded', 'kill to first new row, p99', quantile(times, 0.99), 'ms'),
  ];
  const missing = agentsMissing();
  if (missing !== undefined) {
    process.stderr.write(`agents: ${missing}\n`);
    return alone;
  }
  return [...alone, ...figuresOf(await killedAgents(options))];
}

/** Medians, each of its own: they need not add up. */
function figuresOf(silences: readonly Silence[]): readonly Result[] {
  const at = (of: (silence: Silence) => number, share: number): number =>
    quantile(
      silences.map(of).toSorted((a, b) => a - b),
      share,
    );
  const of = (what: string, value: number): Result => plain('recovery', 'agents', what, value, 'ms');
  return [
    of(
      'kill to first new row, p50',
      at(({ all }) => all, 0.5),
    ),
    of(
      'kill to first new row, p99',
      at(({ all }) => all, 0.99),
    ),
    of(
      'of which detection, p50',
      at(({ detected }) => detected, 0.5),
    ),
    of(
      'of which detection, p99',
      at(({ detected }) => detected, 0.99),
    ),
    of(
      'of which taking over the region, p50',
      at(({ takenOver, begun }) => takenOver + begun, 0.5),
    ),
    of(
      'of which opening and restoring, p50',
      at(({ opened }) => opened, 0.5),
    ),
    of(
      'of which the first row, p50',
      at(({ row }) => row, 0.5),
    ),
  ];
}

export const benchmark: Benchmark = {
  name: 'recovery',
  summary: 'silence after kill -9: from the kill to the first new row',
  run,
};

/**
 * `npm run simulate -- --help` says what it does: runs of whole systems on a virtual clock, each from a seed. A failing seed prints what was violated and how to
 * run it again.
 */
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { findPlants } from './plant-hunt.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { scenarioNamed, scenarioNames, scenarios } from './scenarios.ts';
import { Tally } from './tally.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const SHOWN = 5;
/** Seeds, unless it is said how many. */
const RUN = 100;
const HUNTED = 1_000;

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    scenario: { type: 'string' },
    plant: { type: 'string' },
    plants: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `npm run simulate -- [flags]

  --seeds N         runs so many seeds (${RUN}) of each scenario, and prints what was violated, and how often each fault came in each phase
  --from S          begins with this seed (1)
  --seed S          runs this one and prints its whole log
  --scenario NAME   one of ${scenarioNames.join(', ')}; without it: ${scenarios.map(({ name }) => name).join(' and ')}
  --plants          plants each known bug and looks for the first of up to --seeds N seeds (${HUNTED}) that finds it
  --plant NAME      runs with that bug planted
  --jobs N          threads (${availableParallelism()}, one a core)
  --json            one JSON object a scenario, or a seed`;

function write(text: string): void {
  process.stdout.write(`${text}\n`);
}

function replay({ scenario, seed, plant }: Outcome): string {
  return `npm run simulate -- --scenario ${scenario} --seed ${seed}${plant === undefined ? '' : ` --plant ${plant}`}`;
}

async function runOne(scenario: Scenario, seed: number): Promise<boolean> {
  const outcome = await scenario.run(seed, flags.plant);
  if (flags.json) write(JSON.stringify(outcome));
  else {
    for (const line of outcome.log) write(line);
    write(
      `${scenario.name} seed ${seed}: ${outcome.batches} batches, ${outcome.faults.length} faults, ${outcome.steps} events`,
    );
    for (const violation of outcome.violations) write(`VIOLATION ${violation}`);
  }
  return outcome.violations.length === 0;
}

/** Seeds are dealt to threads; each sends an outcome a seed, without its log. */
async function runMany(scenario: Scenario, from: number, count: number): Promise<Tally> {
  const tally = new Tally(scenario);
  const jobs = Math.max(1, Math.min(Number(flags.jobs), count));
  const working = Array.from({ length: jobs }, (_, index) => {
    const workerData = {
      scenario: scenario.name,
      from: from + index,
      count,
      step: jobs,
      last: from + count - 1,
      plant: flags.plant,
    };
    const worker = new Worker(WORKER, { workerData });
    return new Promise<void>((resolve, reject) => {
      worker.on('message', (outcome: Outcome) => tally.add(outcome));
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
  });
  await Promise.all(working);
  return tally;
}

interface Took {
  readonly seconds: number;
  /** Of all threads. */
  readonly processor: number;
}

function report(tally: Tally, { seconds, processor }: Took): void {
  const { scenario, seeds, failures } = tally;
  if (flags.json) {
    const { batches, faults, fewestBatches, fewestFaults } = tally;
    const failing = failures.map(({ seed, violations }) => ({ seed, violations }));
    write(
      JSON.stringify({
        scenario: scenario.name,
        seeds,
        seconds,
        processor,
        batches,
        faults,
        fewestBatches,
        fewestFaults,
        failing,
      }),
    );
    return;
  }
  write(
    `${scenario.name}: ${seeds} seeds in ${seconds.toFixed(1)} s (${milliseconds(seconds / seeds)} a seed), ${processor.toFixed(1)} s of processor time (${milliseconds(processor / seeds)} a seed)`,
  );
  write(
    `  batches ${tally.batches} (fewest ${tally.fewestBatches}), faults ${tally.faults} (fewest ${tally.fewestFaults}), `,
  );
  write(`  events ${tally.steps}, virtual ${(tally.virtual / 60_000).toFixed(0)} minutes\n`);
  if (tally.live + tally.restarts > 0) {
    write(`  ${tally.live} changes while rows flowed, ${tally.restarts} by a restart\n`);
  }
  write(`${tally.table()}\n`);
  for (const failure of failures.slice(0, SHOWN)) {
    write(`seed ${failure.seed}: ${failure.violations.length} violations`);
    for (const violation of failure.violations.slice(0, SHOWN)) write(`  ${violation}`);
    write(`  again: ${replay(failure)}`);
  }
  write(failures.length === 0 ? 'no violation' : `${failures.length} of ${seeds} seeds failed`);
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}

async function runAndReport(scenario: Scenario): Promise<boolean> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  const tally = await runMany(scenario, Number(flags.from), Number(flags.seeds ?? RUN));
  const { user, system } = process.cpuUsage(before);
  report(tally, { seconds: (performance.now() - began) / 1000, processor: (user + system) / 1e6 });
  return tally.failures.length === 0;
}

async function main(): Promise<void> {
  if (flags.help) return write(HELP);
  const chosen = flags.scenario === undefined ? scenarios : [scenarioNamed(flags.scenario)];
  let sound = true;
  for (const scenario of chosen) {
    if (flags.seed !== undefined) {
      sound = (await runOne(scenario, Number(flags.seed))) && sound;
    } else if (flags.plants) {
      sound = (await findPlants(scenario, Number(flags.from), Number(flags.seeds ?? HUNTED), write)) && sound;
    } else {
      sound = (await runAndReport(scenario)) && sound;
    }
  }
  process.exitCode = sound ? 0 : 1;
}

await main();

/** A thread of `npm run simulate`: runs its share of the seeds and sends what came of each. */
import { parentPort, workerData } from 'node:worker_threads';
import { scenarioNamed } from './scenarios.ts';

interface Share {
  readonly scenario: string;
  readonly from: number;
  readonly step: number;
  readonly last: number;
  readonly plant: string | undefined;
}

const { scenario, from, step, last, plant } = workerData as Share;
const running = scenarioNamed(scenario);
for (let seed = from; seed <= last; seed += step) {
  const outcome = await running.run(seed, plant);
  parentPort?.postMessage({ ...outcome, log: [] });
}

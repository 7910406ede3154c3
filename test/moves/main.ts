/**
 * `npm run test:moves -- [--moves N] [--seed S] [--rows N]`: the long run; so many rows for each move unless `--rows` says how many in all. Exit status 1 where a row was lost, came twice
 * or out of the order of its key, or where DuckDB has other rows.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../simulation/nats/random.ts';
import { runCampaign } from './campaign.ts';
import { readings } from './graph.ts';
import { ASKED, asText, duckDbRows } from './oracle.ts';
import { reportOf } from './report.ts';
import { verdictOf } from './verdict.ts';

const { values } = parseArgs({
  options: {
    moves: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    rows: { type: 'string' },
  },
});
const ROWS_EACH = 100;

async function main(): Promise<void> {
  const moves = Number(values.moves);
  const data = readings(Number(values.rows ?? moves * ROWS_EACH));
  const began = performance.now();
  const say = (text: string): void => {
    process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
  };
  const outcome = await runCampaign({ moves, data, random: new SeededRandom(Number(values.seed)), say });
  const { rows, lost, duplicated, misplaced, examples } = verdictOf(outcome.undisturbed, outcome.moved);
  say(`${outcome.moves.length} moves, ${rows} rows: ${lost} lost, ${duplicated} duplicated, ${misplaced} out of order`);
  process.stdout.write(`${reportOf(outcome.moves)}\n`);
  const faults = [...(outcome.failure === undefined ? [] : [outcome.failure]), ...examples];
  const asked = await duckDbRows(data);
  for (const sink of ASKED) {
    const same = String(asked.get(sink)) === String(asText(outcome.moved.rows(sink)));
    say(`${sink}: ${asked.get(sink)?.length ?? 0} rows of DuckDB's, ${same ? 'the same' : 'not the same'}`);
    if (!same) faults.push(`${sink} is not what DuckDB has`);
  }
  for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`);
  process.exitCode = faults.length === 0 && outcome.moves.length === moves ? 0 : 1;
}

await main();

/**
 * `npm run test:kills -- [--kills N] [--seed S] [--sink file|jetstream|postgres] [--seconds N] [--logs FILE]`: the long run. Exit status 1 where a row was lost or came
 * twice; then `--logs` has what the agents said.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../simulation/nats/random.ts';
import { KINDS, type Kind } from './assault.ts';
import { runCampaign, type Struck } from './campaign.ts';
import { PHASES } from './phases.ts';
import type { SinkKind } from './sinks.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    sink: { type: 'string', default: 'file' },
    seconds: { type: 'string', default: '90' },
    kinds: { type: 'string' },
    logs: { type: 'string' },
  },
});

/** Kills by kind, in each phase. */
function table(kills: readonly Struck[]): string {
  const head = ['', ...PHASES, 'all'];
  const used = KINDS.filter((kind) => kills.some((kill) => kill.kind === kind));
  const rows = used.map((kind) => {
    const mine = kills.filter((kill) => kill.kind === kind);
    return [kind, ...PHASES.map((phase) => mine.filter(({ hit }) => hit === phase).length), mine.length];
  });
  const sums = ['all', ...PHASES.map((phase) => kills.filter(({ hit }) => hit === phase).length), kills.length];
  const lines = [head, ...rows, sums].map(([first, ...rest]) => {
    return `${String(first).padEnd(20)}${rest.map((cell) => String(cell).padStart(11)).join('')}`;
  });
  return lines.join('\n');
}

async function main(): Promise<void> {
  const sink = values.sink as SinkKind;
  const given = values.kinds?.split(',') as Kind[] | undefined;
  const kinds = given ?? KINDS.filter((kind) => kind !== 'database' || sink === 'postgres');
  const random = new SeededRandom(Number(values.seed));
  const began = performance.now();
  const say = (text: string): void => {
    process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
  };
  const outcome = await runCampaign({
    kills: Number(values.kills),
    sink,
    kinds,
    seconds: Number(values.seconds),
    say,
    random: () => random.next(),
  });
  say(`${outcome.kills.length} kills in ${outcome.rounds} rounds, ${outcome.rows} rows to the ${sink} sink`);
  process.stdout.write(`${table(outcome.kills)}\n`);
  for (const fault of outcome.faults) process.stdout.write(`FAULT ${fault}\n`);
  if (values.logs !== undefined) writeFileSync(values.logs, outcome.logs());
  process.exitCode = outcome.faults.length === 0 ? 0 : 1;
}

// so that what it started ends with it
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
await main();

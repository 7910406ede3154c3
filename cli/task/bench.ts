/**
 * `cloudskin task bench`: calls a task at a steady rate, whether or not it keeps up (an open loop), and says how long answers took from when
 * each call was due.
 */
import { CloudskinError, userError } from '../../engine/errors.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { pause, realPorts } from '../../engine/ports.ts';
import { Histogram } from '../../engine/task/histogram.ts';
import { callTask, type RemoteCall } from '../../engine/task/remote.ts';
import { type NatsOptions, withCluster } from '../cluster/connect.ts';
import type { Terminal } from '../output/terminal.ts';
import { durationOf } from './flags.ts';
import { readInput } from './input.ts';

export interface BenchFlags extends NatsOptions {
  readonly namespace: string;
  readonly input: string;
  readonly rate: string;
  readonly duration: string;
  readonly deadline: string;
  readonly json?: boolean;
}

interface Outcome {
  readonly sent: number;
  readonly answered: number;
  /** By code: `task.overloaded`, `task.timeout`. */
  readonly errors: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number };
}

/** Calls under way at most, so that a task that answers nothing does not fill our memory. */
const MAX_OPEN = 100_000;

export async function bench(name: string, flags: BenchFlags, terminal: Terminal): Promise<void> {
  const rate = Number(flags.rate);
  if (!(rate > 0 && rate <= 100_000))
    throw userError('cli.bad-flag', `--rate ${flags.rate}: from 1 to 100000 calls a second`);
  const duration = durationOf('duration', flags.duration);
  const { namespace } = flags;
  const request = {
    namespace,
    name,
    ...(await readInput(flags.input)),
    deadline: durationOf('deadline', flags.deadline),
  };
  const outcome = await withCluster(flags, ({ nats }) => steadily(nats, request, rate, duration));
  await terminal.out(flags.json === true ? `${JSON.stringify(outcome)}\n` : textOf(outcome, rate));
}

async function steadily(nats: Nats, request: RemoteCall, rate: number, duration: number): Promise<Outcome> {
  const histogram = new Histogram();
  const errors = new Map<string, number>();
  const open = new Set<Promise<void>>();
  const began = realPorts.monotonic();
  const one = async (due: number): Promise<void> => {
    try {
      await callTask(nats, request);
      histogram.add(realPorts.monotonic() - due);
    } catch (error) {
      const code = error instanceof CloudskinError ? error.code : 'internal';
      errors.set(code, (errors.get(code) ?? 0) + 1);
    }
  };
  let sent = 0;
  for (let now = 0; now < duration; now = realPorts.monotonic() - began) {
    for (; sent < (now * rate) / 1_000 && open.size < MAX_OPEN; sent++) {
      const call = one(began + (sent * 1_000) / rate).finally(() => open.delete(call));
      open.add(call);
    }
    await pause(realPorts, 1);
  }
  await Promise.all(open);
  const latency = { p50: histogram.quantile(0.5), p99: histogram.quantile(0.99), p999: histogram.quantile(0.999) };
  return { sent, answered: histogram.count, errors: Object.fromEntries(errors), latency };
}

function textOf({ sent, answered, errors, latency }: Outcome, rate: number): string {
  const share = sent === 0 ? 0 : (100 * answered) / sent;
  const times = `p50 ${latency.p50.toFixed(2)} ms, p99 ${latency.p99.toFixed(2)} ms, p99.9 ${latency.p999.toFixed(2)} ms`;
  const lines = [`${sent} calls at ${rate}/s, ${answered} answered (${share.toFixed(1)} %)`, `latency ${times}`];
  const refused = Object.entries(errors).map(([code, count]) => `${code} ${count}`);
  return `${[...lines, ...refused].join('\n')}\n`;
}

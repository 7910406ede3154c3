/**
 * A campaign of moves: one run over real data whose plan changes again and again while rows flow, each time to another way of dealing the graph to threads, asked for at
 * another moment of the protocol. What comes out must be what a run puts out that nobody disturbs.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cell } from '../../engine/cell/cell.ts';
import { openCell } from '../../engine/cell/open.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { messageOf } from '../../engine/errors.ts';
import { realPorts } from '../../engine/ports.ts';
import type { ChangeReceipt } from '../../engine/runtime/run/change.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import type { FragmentSaver } from '../../engine/state/checkpoint/checkpoints.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';
import type { Ledger } from '../kit/ledger.ts';
import type { Row } from '../kit/memory-connector.ts';
import type { SeededRandom } from '../simulation/nats/random.ts';
import { anyPlan, ledgerOf, onePlan, planned } from './graph.ts';
import { type Moment, Moments } from './moments.ts';
import { Valve } from './valve.ts';

export interface CampaignOptions {
  readonly moves: number;
  readonly random: SeededRandom;
  readonly data: readonly [readonly Row[], readonly Row[]];
  readonly say?: (text: string) => void;
  /** Called after so many have been asked for, the run going on. */
  readonly asked?: (moves: number) => void;
}

export interface Move extends ChangeReceipt {
  /** When it was asked for. */
  readonly moment: Moment;
}

export interface Outcome {
  readonly moves: readonly Move[];
  readonly moved: Ledger;
  readonly undisturbed: Ledger;
  /** Why it is not as it should be; absent if all is well. */
  readonly failure?: string;
}

/** Rows that a source hands out at a time. */
const ROWS = 24;
/** Milliseconds between checkpoints: some are open whatever happens. */
const EVERY = 15;
const NAME = { namespace: 'default', app: 'moved', region: 'all' };

export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-moves-'));
  try {
    return await new Campaign(options, directory).run();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #directory: string;
  readonly #moments = new Moments();
  readonly #valve = new Valve();
  readonly #moves: Move[] = [];

  constructor(options: CampaignOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  async run(): Promise<Outcome> {
    const { data } = this.#options;
    const [undisturbed, moved] = [ledgerOf(data, ROWS), ledgerOf(data, ROWS)];
    await (await this.#runOf(undisturbed, onePlan)).run();
    const failure = await this.#disturbed(moved).then(() => undefined, messageOf);
    const outcome = { moves: this.#moves, moved, undisturbed };
    return failure === undefined ? outcome : { ...outcome, failure };
  }

  async #disturbed(own: Ledger): Promise<void> {
    const { random } = this.#options;
    const plan = await planned(own);
    own.onBatch = () => this.#valve.pass();
    const run = await this.#runOf(own, () => anyPlan(plan, random));
    const running = run.run();
    // told by `running`
    running.catch(() => undefined);
    try {
      await Promise.race([this.#all(run, () => anyPlan(plan, random)), running.then(tooShort)]);
    } finally {
      this.#valve.open();
    }
    await running;
  }

  async #all(run: EmbeddedRun, next: () => DistributedPlan): Promise<void> {
    const { moves, random, data, say } = this.#options;
    const batches = data.reduce((sum, rows) => sum + Math.floor(rows.length / ROWS), 0);
    // some are left, so that the last move is not the end
    const each = Math.max(1, Math.floor((batches * 0.9) / moves));
    await this.#valve.passed(4);
    for (let asked = 0; asked < moves; ) {
      const moment = this.#moments.any(random);
      const count = moment === 'queued' ? Math.min(2, moves - asked) : 1;
      const flowing = this.#valve.let(each * count);
      const receipts: Promise<ChangeReceipt>[] = [];
      await this.#moments.at(moment, this.#valve, () => {
        for (let more = 0; more < count; more++) receipts.push(run.change(next()));
      });
      for (const receipt of await Promise.all(receipts)) this.#moves.push({ ...receipt, moment });
      // the next is asked for at once, or when what was let through has flowed
      if (random.chance(0.7)) await flowing;
      asked += count;
      this.#options.asked?.(asked);
      if (asked % 100 < count) say?.(`${asked} moves`);
    }
  }

  async #runOf(
    own: Ledger,
    planOf: (plan: Awaited<ReturnType<typeof planned>>) => DistributedPlan,
  ): Promise<EmbeddedRun> {
    const transport = new ThreadTransport();
    const store = await openDirectory(await mkdtemp(join(this.#directory, 'run-')));
    const saver = (): FragmentSaver => this.#moments.watchingSaver(createSaver({ ...NAME, store, ports: realPorts }));
    const host = new ThreadHost({
      runtime: () => ({ connectors: [own.connector], openCell: (cell) => this.#open(cell) }),
      transport: () => transport,
      store: () => ({ saver: saver(), load: () => Promise.reject(new Error('nothing is loaded')) }),
    });
    const checkpoints = openCheckpoints({ ...NAME, store });
    return new EmbeddedRun(planOf(await planned(own)), { host, checkpoints: { store: checkpoints, every: EVERY } });
  }

  async #open(plan: CellPlan): Promise<Cell> {
    return this.#moments.watchingCell(await openCell(plan));
  }
}

function tooShort(): never {
  throw new Error('the run ended before all moves were done');
}

/**
 * Kills and freezes what a run consists of, at random moments in each phase of the protocol, each time only after output was committed since the time
 * before. All choices come from a seed; what the processes make of the time is theirs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess, Continuum } from '../cluster/processes.ts';
import { PHASES, type Phase, type Phases } from './phases.ts';
import type { OutputSink } from './sinks.ts';

export type Kind =
  | 'edge'
  | 'cloud'
  | 'leader'
  | 'coordinator'
  | 'edge frozen'
  | 'cloud frozen'
  | 'cloud frozen 30 s'
  | 'hub server'
  | 'leaf server'
  | 'hub server frozen'
  | 'edge thread'
  | 'cloud thread'
  | 'database';

/** Killed with -9, unless it says otherwise. */
export const KINDS: readonly Kind[] = [
  'edge',
  'cloud',
  'leader',
  'coordinator',
  'edge frozen',
  'cloud frozen',
  'cloud frozen 30 s',
  'hub server',
  'leaf server',
  'hub server frozen',
  'edge thread',
  'cloud thread',
  'database',
];

export interface Kill {
  readonly kind: Kind;
  readonly wanted: Phase;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Battlefield {
  readonly continuum: Continuum;
  readonly agents: ReadonlyMap<string, AgentProcess>;
  readonly phases: Phases;
  readonly sink: OutputSink;
  /** Restarts and thaws that are still to come, by victim. */
  readonly pending: Map<string, Promise<void>>;
}

/** Milliseconds within which output has to be committed again. */
const PROGRESS_WITHIN = 90_000;
/** Milliseconds within which a region that has lost something starts again. */
const RESTARTS_WITHIN = 3_000;
/** Milliseconds into a phase at which a kill falls, at most. */
const INTO: Readonly<Record<Phase, number>> = {
  opening: 700,
  flowing: 150,
  saving: 8,
  saved: 3,
  manifest: 0,
  committing: 3,
};

export class Assault {
  readonly #random: () => number;
  #deck: Phase[] = [];
  #kinds: Kind[] = [];
  readonly #choice: readonly Kind[];

  /** `kinds`: those that are to come, all equally often. */
  constructor(random: () => number, kinds: readonly Kind[]) {
    this.#random = random;
    this.#choice = kinds;
  }

  /** Resolves to the next kill once it is done; undefined where the run has finished before. */
  async next(field: Battlefield): Promise<Kill | undefined> {
    if (this.#deck.length === 0) this.#deck = this.#shuffled(PHASES);
    if (this.#kinds.length === 0) this.#kinds = this.#shuffled(this.#choice);
    const wanted = this.#deck.pop() ?? 'flowing';
    const kind = this.#kinds.pop() ?? 'edge';
    // a start is met right after what made it necessary
    if (wanted !== 'opening' && !(await progressed(field.phases))) return undefined;
    if (!(await this.#entered(field.phases, wanted))) return undefined;
    const at = Date.now();
    this.#strike(field, kind);
    return { kind, wanted, at };
  }

  #shuffled<T>(all: readonly T[]): T[] {
    const keys = all.map((value) => ({ value, key: this.#random() }));
    return keys.sort((a, b) => a.key - b.key).map(({ value }) => value);
  }

  /** Goes on without a turn of the loop between, where no time into the phase is left: the shortest take a millisecond. */
  async #entered(phases: Phases, wanted: Phase): Promise<boolean> {
    const into = Math.floor(this.#random() * (INTO[wanted] + 1));
    const entered = reached(phases, (phase) => phase === wanted);
    // not every kill makes another start necessary
    await (wanted === 'opening' ? Promise.race([entered, sleep(RESTARTS_WITHIN)]) : entered);
    if (into > 0) await sleep(into);
    return !phases.finished;
  }

  #strike(field: Battlefield, kind: Kind): void {
    const { continuum, phases, agents, sink } = field;
    const pause = 100 + this.#random() * 1_400;
    const frozen = kind.endsWith('30 s') ? 30_000 : 1_500 + this.#random() * 2_500;
    const victim = victimOf(kind, phases);
    if (kind.endsWith('thread')) agents.get(victim)?.signal('SIGUSR2');
    else if (kind === 'database') during(field, kind, async () => sink.crash?.(pause));
    else {
      const mortal = { hub: continuum.hub, leaf: continuum.leaf }[victim] ?? agents.get(victim);
      if (mortal !== undefined) {
        during(field, victim, () => (kind.includes('frozen') ? freeze(mortal, frozen) : crash(mortal, pause)));
      }
    }
  }
}

interface Mortal {
  kill(): Promise<unknown>;
  restart(): Promise<void> | void;
  freeze(): void;
  thaw(): void;
}

async function crash(victim: Mortal, milliseconds: number): Promise<void> {
  await victim.kill();
  await sleep(milliseconds);
  await victim.restart();
}

async function freeze(victim: Mortal, milliseconds: number): Promise<void> {
  victim.freeze();
  await sleep(milliseconds);
  victim.thaw();
}

/** Who is still being started again, or frozen, is killed with -9 or frozen no second time. */
function during({ pending }: Battlefield, victim: string, strike: () => Promise<void>): void {
  if (pending.has(victim)) return;
  pending.set(
    victim,
    strike().finally(() => pending.delete(victim)),
  );
}

function victimOf(kind: Kind, phases: Phases): string {
  if (kind.includes('server')) return kind.slice(0, 4).trim();
  if (kind === 'leader') return phases.leader;
  if (kind === 'coordinator') return phases.coordinator;
  const site = kind.startsWith('edge') ? 'plant' : 'hub';
  return phases.hostAt(site) ?? `${site}/a`;
}

/** Resolves to false where the run has finished instead. */
async function progressed(phases: Phases): Promise<boolean> {
  const before = phases.committed;
  await reached(phases, () => phases.committed >= before + 2);
  return !phases.finished;
}

async function reached(phases: Phases, isReached: (phase: Phase) => boolean): Promise<void> {
  if (isReached(phases.phase) || phases.finished) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (done: () => void): void => {
      clearTimeout(late);
      clearInterval(ended);
      stop();
      done();
    };
    const stop = phases.listen((phase) => {
      if (isReached(phase)) settle(resolve);
    });
    const late = setTimeout(
      () => settle(() => reject(new Error(`nothing was committed for ${PROGRESS_WITHIN / 1000} s`))),
      PROGRESS_WITHIN,
    );
    const ended = setInterval(() => {
      if (phases.finished) settle(resolve);
    }, 100);
  });
}

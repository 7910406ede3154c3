/**
 * Where in the protocol a region is, by what the agents log: each line has the time at which it was written, so that one can say afterwards
 * in which phase a kill fell.
 */

export const PHASES = ['opening', 'flowing', 'saving', 'saved', 'manifest', 'committing'] as const;
/**
 * `opening`: fragments are being started; `flowing`: between two checkpoints; `saving`: from the barrier until all is saved; `saved`: until the manifest
 * is written; `manifest`: until the record is; `committing`: until all sinks have committed.
 */
export type Phase = (typeof PHASES)[number];

interface Line {
  readonly time: string;
  readonly site: string;
  readonly agent: string;
  readonly msg: string;
  readonly app?: string;
  readonly region?: string;
  readonly fragment?: string;
  readonly epoch?: number;
}

const STEPS: readonly (readonly [RegExp, Phase])[] = [
  [/^region starts/, 'opening'],
  [/^checkpoint \d+ begins/, 'saving'],
  [/^checkpoint \d+ is saved/, 'saved'],
  [/^checkpoint \d+ has its manifest/, 'manifest'],
  [/^checkpoint \d+ is complete/, 'committing'],
  [/^checkpoint \d+ (is committed|was given up)/, 'flowing'],
];

export class Phases {
  readonly #app: string;
  readonly #history: { readonly at: number; readonly phase: Phase }[] = [{ at: 0, phase: 'opening' }];
  readonly #hosts = new Map<string, string>();
  readonly #ready = new Set<string>();
  readonly #listeners = new Set<(phase: Phase) => void>();
  #epoch = 0;
  /** Checkpoints committed. */
  committed = 0;
  finished = false;
  /** `site/agent`. */
  leader = '';
  coordinator = '';

  constructor(app: string) {
    this.#app = app;
  }

  get phase(): Phase {
    return this.#history.at(-1)?.phase ?? 'opening';
  }

  /** `site/agent` of the fragment's last start on a site. */
  hostAt(site: string): string | undefined {
    return this.#hosts.get(site);
  }

  /** The phase at a time, in milliseconds since the epoch. */
  at(time: number): Phase {
    return this.#history.findLast(({ at }) => at <= time)?.phase ?? 'opening';
  }

  listen(listener: (phase: Phase) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A line of any agent's log. */
  hear(text: string): void {
    const line = parse(text);
    if (line === undefined) return;
    const { msg, site, agent, region, fragment, epoch = 0 } = line;
    if (msg === 'this agent is the coordinator now') this.coordinator = `${site}/${agent}`;
    // what an owner says that is none any more is no news of the region
    if (line.app !== this.#app || region === undefined || epoch < this.#epoch) return;
    if (epoch > this.#epoch) {
      this.#epoch = epoch;
      this.#ready.clear();
    }
    if (msg === 'region finished') this.finished = true;
    if (fragment !== undefined) this.#fragment(fragment, msg, line);
    else this.#region(msg, line);
  }

  #fragment(fragment: string, msg: string, { site, agent, time }: Line): void {
    if (msg.startsWith('starts')) this.#hosts.set(site, `${site}/${agent}`);
    if (!msg.startsWith('ready')) return;
    this.#ready.add(fragment);
    if (this.#ready.size === this.#hosts.size) this.#enter('flowing', time);
  }

  #region(msg: string, { site, agent, time }: Line): void {
    const step = STEPS.find(([pattern]) => pattern.test(msg))?.[1];
    if (step === undefined) return;
    this.leader = `${site}/${agent}`;
    if (/is committed$/.test(msg)) this.committed += 1;
    this.#enter(step, time);
  }

  #enter(phase: Phase, time: string): void {
    this.#history.push({ at: Date.parse(time), phase });
    for (const listener of [...this.#listeners]) listener(phase);
  }
}

function parse(text: string): Line | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    // cut off by a kill
    return undefined;
  }
}

/** `top` on a terminal: looks at the cluster once a second, draws when something is new, does what keys say. */
import { messageOf } from '../../../engine/errors.ts';
import type { Ports, Timer } from '../../../engine/ports.ts';
import type { Watched } from './cluster.ts';
import type { BarStyle } from './figures.ts';
import { type Frame, frame, labelOf } from './frame.ts';
import { type Key, KeyReader } from './keys.ts';
import { renderOver } from './line.ts';
import { type Model, Models } from './model.ts';
import { Screen, type Tty } from './screen.ts';
import { type AppName, begin, type Effect, step, type TopState, type Want } from './state.ts';

export interface TopOptions {
  readonly tty: Tty;
  readonly ports: Ports;
  readonly watched: Watched;
  readonly url: string;
  readonly app: AppName | undefined;
  readonly color: boolean;
  readonly bars: BarStyle;
  /** Stops the process until it is continued, if it can be. */
  readonly suspend?: () => void;
}

/** Milliseconds from one look to the next. */
const EVERY = 1_000;

export class Top {
  readonly #options: TopOptions;
  readonly #screen: Screen;
  readonly #keys: KeyReader;
  readonly #models = new Models();
  readonly #over = Promise.withResolvers<void>();
  #state: TopState;
  #model: Model | undefined;
  #shown: Frame['shown'] = { ids: [], marked: undefined, app: undefined, page: 1 };
  #trouble: string | undefined;
  #looking = false;
  #again = false;
  #timer: Timer | undefined;
  #ended = false;

  constructor(options: TopOptions) {
    this.#options = options;
    this.#state = begin(options.app);
    this.#screen = new Screen(options.tty);
    this.#keys = new KeyReader(options.ports, (key) => this.#press(key));
  }

  /** Resolves when the user leaves, or `stop` is called; the terminal is as it was then. */
  async run(): Promise<void> {
    const { tty } = this.#options;
    try {
      tty.onInput((bytes) => this.#keys.take(bytes));
      tty.onResize(() => this.redraw());
      this.#screen.open();
      this.#draw();
      this.#look();
      await this.#over.promise;
    } finally {
      this.#ended = true;
      this.#timer?.cancel();
      this.#keys.close();
      tty.close();
      this.#screen.close();
    }
  }

  stop(): void {
    this.#over.resolve();
  }

  /** Gives the terminal back at once, for a process that is about to be gone or stopped. */
  release(): void {
    this.#screen.close();
  }

  /** Takes the terminal again, or draws all of it anew. */
  redraw(): void {
    if (this.#ended) return;
    this.#screen.open();
    this.#screen.forget();
    this.#draw();
  }

  #press(key: Key): void {
    if (this.#ended) return;
    const before = this.#state.place;
    const { state, effect } = step(this.#state, key, this.#shown);
    this.#state = state;
    if (effect !== undefined) this.#do(effect);
    if (state.place !== before) this.#look();
    this.#draw();
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case 'quit':
        this.stop();
        return;
      case 'suspend':
        this.#suspend();
        return;
      case 'redraw':
        this.#screen.forget();
        return;
      case 'want':
        void this.#want(effect.want);
    }
  }

  /** The terminal is the shell's until the process is continued. */
  #suspend(): void {
    const { suspend } = this.#options;
    if (suspend === undefined) return;
    this.#screen.close();
    suspend();
  }

  async #want(want: Want): Promise<void> {
    const { app, wanted } = want;
    try {
      await this.#options.watched.want(want);
      this.#note(`${labelOf(app)} is to be ${wanted === 'paused' ? 'paused' : 'running'}`);
    } catch (error) {
      this.#note(`${labelOf(app)} could not be changed: ${messageOf(error)}`);
    }
  }

  #note(note: string): void {
    this.#state = { ...this.#state, note };
    this.#draw();
  }

  /** One look at a time; what is asked for meanwhile follows at once. */
  #look(): void {
    this.#timer?.cancel();
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    void this.#lookOnce()
      .catch((error: unknown) => {
        const age = this.#model === undefined ? '' : ', what is shown is old';
        this.#trouble = `${messageOf(error)}${age}`;
      })
      .then(() => this.#looked());
  }

  async #lookOnce(): Promise<void> {
    const { place } = this.#state;
    const app = place.kind === 'cluster' ? undefined : place.app;
    const look = await this.#options.watched.look(app);
    this.#model = this.#models.next(look, app === undefined ? undefined : `${app.namespace}/${app.app}`);
    this.#trouble = undefined;
  }

  #looked(): void {
    this.#looking = false;
    if (this.#ended) return;
    this.#draw();
    const again = this.#again;
    this.#again = false;
    if (again) this.#look();
    else this.#timer = this.#options.ports.after(EVERY, () => this.#look());
  }

  #draw(): void {
    if (this.#ended) return;
    const { url, bars, ports, color } = this.#options;
    const { width, height } = this.#screen;
    const clock = clockOf(ports.now());
    const made = frame(this.#model, this.#state, { width, height, bars, url, clock, trouble: this.#trouble });
    this.#shown = made.shown;
    this.#screen.draw(made.lines.map((line) => renderOver(line, width, color)));
  }
}

/** `14:03:12`, of this machine's time of day. */
export function clockOf(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

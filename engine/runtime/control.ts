/**
 * What all parts of one run share: its ports, whether it is to stop, and its first failure. Every wait of the runtime goes through
 * a latch, so that stopping or failing ends it at once; nothing polls.
 */
import { defined } from '../defined.ts';
import { CloudskinError, externalError, internalError, messageOf } from '../errors.ts';
import type { NodeKind, NodeTrouble } from '../metrics/snapshot.ts';
import type { Tracer } from '../metrics/trace.ts';
import { WorkClock } from '../metrics/work-clock.ts';
import type { Ports } from '../ports.ts';
import { type TroubleListener, Troubles } from './troubles.ts';

/** Something that happens once. Waits that go through it end when it does. */
export class Latch {
  #tripped = false;
  readonly #waiting = new Set<() => void>();

  get tripped(): boolean {
    return this.#tripped;
  }

  trip(): void {
    this.#tripped = true;
    for (const release of this.#waiting) release();
    this.#waiting.clear();
  }

  /** Resolves when it trips. */
  get tripping(): Promise<void> {
    return this.until(new Promise<void>(() => undefined));
  }

  /** Settles as `promise` does, or with undefined as soon as the latch trips. A later rejection of `promise` is nobody's. */
  until<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const release = (): void => resolve(undefined);
      const settle = (): void => {
        this.#waiting.delete(release);
      };
      promise.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(error);
        },
      );
      if (this.#tripped) release();
      else this.#waiting.add(release);
    });
  }
}

export class Control {
  readonly ports: Ports;
  /** What sources and sinks go on trying, but for members'. */
  readonly troubles: Troubles;
  readonly #onTrouble: TroubleListener | undefined;
  readonly #tracer: Tracer | undefined;
  readonly #clock: WorkClock;
  /** Of a member: whose it is; undefined while it goes from one to another. */
  #above: Control | undefined;
  readonly #members = new Set<Control>();
  /** Sources are to hand over nothing more. */
  readonly stopping: Latch = new Latch();
  /** Sources are not waited for any more: the run has failed, or a source has not heard that it is to stop. */
  readonly cut: Latch = new Latch();
  /** Nothing is waited for any more. */
  readonly failed: Latch = new Latch();
  #pause: PromiseWithResolvers<void> | undefined;
  readonly #sources = new AbortController();
  readonly #sinks = new AbortController();
  #failure: CloudskinError | undefined;
  #suppressed = 0;

  constructor(ports: Ports, tracer?: Tracer, onTrouble?: TroubleListener) {
    this.ports = ports;
    this.#onTrouble = onTrouble;
    this.troubles = new Troubles(ports, onTrouble);
    this.#tracer = tracer;
    this.#clock = new WorkClock(() => ports.monotonic());
  }

  /** Of one node, which may go over to another run: whatever stops, holds or fails this one does so to it, and its failure is this one's. */
  member(): Control {
    const member = new Control(this.ports, undefined, this.#onTrouble);
    member.goTo(this);
    return member;
  }

  /** A member goes over to another run, or for now to nobody. */
  goTo(above: Control | undefined): void {
    if (this.#above !== undefined) this.#above.#members.delete(this);
    this.#above = above;
    if (above === undefined) return;
    above.#members.add(this);
    if (this.#failure !== undefined) above.fail(this.#failure);
    if (above.#failure !== undefined) this.#take(above.#failure);
    if (above.stopping.tripped) this.stop();
    if (above.cut.tripped) this.cut.trip();
  }

  /** Follows batches, where somebody wants that. */
  get tracer(): Tracer | undefined {
    return this.#above === undefined ? this.#tracer : this.#above.tracer;
  }

  /** Which node works. */
  get clock(): WorkClock {
    return this.#above === undefined ? this.#clock : this.#above.clock;
  }

  /** What sources and sinks go on trying, members' included. */
  get troubled(): readonly NodeTrouble[] {
    return [...this.troubles.all, ...[...this.#members].flatMap(({ troubles }) => troubles.all)];
  }

  /** Nothing is tried any more. */
  close(): void {
    for (const { troubles } of [this, ...this.#members]) troubles.close();
  }

  /** Aborts when sources are to stop, by request or by failure. */
  get sourceSignal(): AbortSignal {
    return this.#sources.signal;
  }

  /** Aborts when the run has failed. */
  get sinkSignal(): AbortSignal {
    return this.#sinks.signal;
  }

  /** The first error; undefined as long as all is well. */
  get failure(): CloudskinError | undefined {
    return this.#failure;
  }

  /** Errors after the first: most of them follow from it. */
  get suppressed(): number {
    return this.#above === undefined ? this.#suppressed : this.#above.suppressed;
  }

  /** Sources hand on nothing until `resume`. */
  pause(): void {
    this.#pause ??= Promise.withResolvers();
  }

  resume(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  /** A promise while sources are paused. */
  get paused(): Promise<void> | undefined {
    return this.#pause?.promise ?? this.#above?.paused;
  }

  stop(): void {
    this.stopping.trip();
    this.#sources.abort();
    for (const member of this.#members) member.stop();
  }

  /** Sources that have not heard that they are to stop are left behind. */
  leaveBehind(): void {
    this.cut.trip();
    for (const member of this.#members) member.leaveBehind();
  }

  /** Takes the first failure as the run's and ends every wait; later ones are counted. */
  fail(error: CloudskinError): void {
    if (this.#above !== undefined) this.#above.fail(error);
    else this.#take(error);
  }

  #take(error: CloudskinError): void {
    if (this.#failure !== undefined) {
      if (error !== this.#failure) this.#suppressed += 1;
      return;
    }
    this.#failure = error;
    this.stop();
    this.cut.trip();
    for (const member of this.#members) member.#take(error);
    this.failed.trip();
    this.#sinks.abort(error);
  }

  /** What is being opened, or undefined once the run has failed; what comes too late is discarded. */
  async orDiscard<T>(opening: Promise<T>, discard: (late: T) => Promise<void>): Promise<T | undefined> {
    const opened = await this.failed.until(opening);
    if (this.#failure === undefined) return opened;
    void opening.then(discard).catch(() => {
      (this.#above ?? this).#suppressed += 1;
    });
    return undefined;
  }

  /** Takes an error of a node; one that passes through several nodes on its way up belongs to the first. */
  failNode(kind: NodeKind, name: string, error: unknown): void {
    if (error instanceof Unwinding) return;
    this.fail(attributed(kind, name, error));
  }
}

/** Thrown to unwind a push after its failure was taken; carries nothing. */
export class Unwinding extends Error {
  constructor() {
    super('the dataflow has failed');
    this.name = 'Unwinding';
  }
}

/** An error with the name of the node it came from; what is not a CloudskinError is wrapped, its cause kept. */
function attributed(kind: NodeKind, name: string, error: unknown): CloudskinError {
  if (error instanceof CloudskinError) {
    if (error.problems.length > 0 || names(error.message, name)) return error;
    const { code, domain, retry, hint } = error;
    const options = { domain, retry, cause: error, ...defined({ hint }) };
    return new CloudskinError(code, `${kind} ${name}: ${error.message}`, options);
  }
  const reason = messageOf(error);
  const message = `${kind} ${name} failed: ${reason}`;
  if (kind === 'cell') return internalError('cell.failed', message, { cause: error });
  return externalError(`${kind}.failed`, message, { cause: error });
}

/** True where a message has a node's name as a word; names are DNS labels, so they mean nothing to a regular expression. */
function names(message: string, name: string): boolean {
  return new RegExp(`(?<![a-z0-9-])${name.replaceAll('+', '\\+')}(?![a-z0-9-])`).test(message);
}

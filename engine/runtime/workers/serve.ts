/**
 * The worker's side: runs the fragments that the main thread asks for, and tells it what becomes of them. How they are run (connectors, cells,
 * transports, stores) is the worker's entry file's to say: the engine knows no connector.
 */
import type { Ports, Timer } from '../../ports.ts';
import type { FragmentEvents, FragmentHandle, FragmentHost } from '../fragment-handle.ts';
import { type Ask, type Order, type Port, plainError, type Word } from './messages.ts';

/** Milliseconds between two reports of a fragment's figures. */
const REPORT_EVERY = 500;

/** What the entry file is given to make its host of. */
export interface WorkerOutlets {
  /** Prints where the main thread does; resolves when it has. */
  readonly stdout: (text: string) => Promise<void>;
  readonly log: (entry: unknown) => void;
}

/** Serves the main thread until it closes the worker. `open` makes the host, once, of what the main thread gives as setup. */
export function serveFragments(
  port: Port,
  ports: Ports,
  open: (setup: unknown, outlets: WorkerOutlets) => Promise<FragmentHost>,
): void {
  const service = new Service(port, ports, open);
  port.on('message', (message) => service.take(message as Order));
}

class Service {
  readonly #port: Port;
  readonly #ports: Ports;
  readonly #open: (setup: unknown, outlets: WorkerOutlets) => Promise<FragmentHost>;
  readonly #fragments = new Map<number, FragmentHandle>();
  readonly #said = new Map<number, () => void>();
  #host: FragmentHost | undefined;
  #saying = 0;
  #reporting: Timer | undefined;

  constructor(port: Port, ports: Ports, open: (setup: unknown, outlets: WorkerOutlets) => Promise<FragmentHost>) {
    this.#port = port;
    this.#ports = ports;
    this.#open = open;
  }

  take(order: Order): void {
    switch (order.kind) {
      case 'setup':
        this.#setUp(order.setup);
        return;
      case 'start':
        this.#answer(order.call, this.#start(order));
        return;
      case 'checkpoint':
        this.#fragments.get(order.fragment)?.checkpoint(order.id, order.options);
        return;
      case 'ask':
        this.#answer(order.call, this.#do(order.fragment, order.what));
        return;
      case 'close':
        this.#reporting?.cancel();
        this.#answer(order.call, this.#host?.close() ?? Promise.resolve());
        return;
      case 'heard':
        this.#said.get(order.said)?.();
        this.#said.delete(order.said);
        return;
    }
  }

  #setUp(setup: unknown): void {
    const outlets: WorkerOutlets = {
      stdout: (text) => this.#say(text),
      log: (entry) => this.#tell({ kind: 'log', entry }),
    };
    this.#open(setup, outlets).then(
      (host) => {
        this.#host = host;
        this.#tell({ kind: 'set-up' });
      },
      (error: unknown) => this.#tell({ kind: 'set-up', error: plainError(error) }),
    );
  }

  async #start({ fragment, start }: Extract<Order, { readonly kind: 'start' }>): Promise<void> {
    if (this.#host === undefined) throw new Error('a fragment was started before its worker was set up');
    const handle = await this.#host.start(start, this.#eventsOf(fragment));
    this.#fragments.set(fragment, handle);
    this.#report();
  }

  #do(fragment: number, what: Ask): Promise<void> {
    const handle = this.#fragments.get(fragment);
    if (handle === undefined) return Promise.resolve();
    switch (what.kind) {
      case 'commit':
        return handle.commit(what.id);
      case 'pause':
        return handle.pause();
      case 'resume':
        return handle.resume();
      case 'finish':
        return handle.finish();
      case 'bequeath':
        return handle.bequeath(what.bequest);
      case 'stop':
        return handle.stop(what.how);
    }
  }

  #eventsOf(fragment: number): FragmentEvents {
    return {
      saved: (id, receipt) => this.#tell({ kind: 'saved', fragment, id, receipt }),
      notSaved: (id, error) => this.#tell({ kind: 'not-saved', fragment, id, error: plainError(error) }),
      ready: () => this.#tell({ kind: 'ready', fragment }),
      ended: () => this.#tell({ kind: 'ended', fragment }),
      tookOver: (figures) => this.#tell({ kind: 'took-over', fragment, figures }),
      handedOver: (id) => this.#tell({ kind: 'handed-over', fragment, id }),
      // A fragment that could not be opened is over before it is known here.
      over: (error) => void this.#ports.turn().then(() => this.#over(fragment, error)),
    };
  }

  #over(fragment: number, error: Error | undefined): void {
    const handle = this.#fragments.get(fragment);
    if (handle === undefined) return;
    const failed = error === undefined ? {} : { error: plainError(error) };
    this.#tell({ kind: 'over', fragment, status: handle.status(), ...failed });
    this.#fragments.delete(fragment);
  }

  #answer(call: number, work: Promise<void>): void {
    work.then(
      () => this.#tell({ kind: 'answer', call }),
      (error: unknown) => this.#tell({ kind: 'answer', call, error: plainError(error) }),
    );
  }

  /** Tells how all fragments are, as long as there are any. */
  #report(): void {
    this.#reporting?.cancel();
    this.#reporting = undefined;
    if (this.#fragments.size === 0) return;
    for (const [fragment, handle] of this.#fragments) this.#tell({ kind: 'status', fragment, status: handle.status() });
    this.#reporting = this.#ports.after(REPORT_EVERY, () => this.#report());
  }

  #say(text: string): Promise<void> {
    const said = ++this.#saying;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#said.set(said, resolve);
    this.#tell({ kind: 'said', said, text });
    return promise;
  }

  #tell(word: Word): void {
    this.#port.postMessage(word);
  }
}

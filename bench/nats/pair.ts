/** The two processes of `bench nats`, given one order after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Order } from './orders.ts';

/** Milliseconds that a process may take for one order; the longest needs a few seconds. */
const LIMIT = 60_000;

export interface Outcome {
  /** From the first byte's sending to the last row's arrival. */
  readonly seconds: number;
  readonly rows: number;
  readonly latencies: readonly number[];
}

export class Pair {
  readonly #producer: ChildProcess;
  readonly #consumer: ChildProcess;
  #id = 0;

  private constructor(producer: ChildProcess, consumer: ChildProcess) {
    this.#producer = producer;
    this.#consumer = consumer;
  }

  static async start(servers: string): Promise<Pair> {
    const pair = new Pair(child('producer.ts', servers), child('consumer.ts', servers));
    await Promise.all([
      hear(pair.#producer, (message) => message === 'up'),
      hear(pair.#consumer, (message) => message === 'up'),
    ]);
    return pair;
  }

  async run(
    what: Omit<Order, 'id' | 'rate' | 'linger'> & { readonly rate?: number; readonly linger?: number },
  ): Promise<Outcome> {
    this.#id += 1;
    const id = this.#id;
    const order: Order = { rate: 0, linger: 0, ...what, id };
    const ready = hear(this.#consumer, (message) => isAnswer(message, 'ready', id));
    this.#consumer.send(order);
    await ready;
    const done = hear(this.#consumer, (message) => isAnswer(message, 'done', id));
    const begin = performance.now();
    this.#producer.send(order);
    const answer = (await done) as Extract<Answer, { kind: 'done' }>;
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, rows: answer.rows, latencies: answer.latencies ?? [] };
  }

  stop(): void {
    for (const one of [this.#producer, this.#consumer]) one.disconnect();
  }
}

function child(file: string, servers: string): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), [servers], { serialization: 'advanced' });
}

function isAnswer(message: unknown, kind: Answer['kind'], id: number): boolean {
  const answer = message as Partial<Answer>;
  return answer.kind === kind && answer.id === id;
}

/** Rejects where the process ends first, or says nothing for too long. */
function hear(process: ChildProcess, wanted: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown): void => {
      if (!wanted(message)) return;
      forget();
      resolve(message);
    };
    const ended = (code: number | null): void => {
      forget();
      reject(new Error(`a process of the benchmark ended with ${code}`));
    };
    const silent = setTimeout(() => {
      forget();
      reject(new Error(`${process.spawnargs[1]} has not answered for ${LIMIT / 1000} s`));
    }, LIMIT);
    const forget = (): void => {
      clearTimeout(silent);
      process.off('message', listen);
      process.off('exit', ended);
    };
    process.on('message', listen);
    process.on('exit', ended);
  });
}

/** A run of a journaled source in a process of its own, which a test kills and starts again, and what comes out of it. */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Running, scratch, start } from './command.ts';

/** Takes rows from an http sink; a request that is repeated under its key counts once, and has to be the same. */
class Collector {
  readonly #server: Server;
  readonly #bodies = new Map<string, string>();

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(() => response.end());
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  get ids(): number[] {
    const lines = [...this.#bodies.values()].flatMap((body) => body.trim().split('\n'));
    return lines.map((line) => Number(JSON.parse(line).id));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #take(request: IncomingMessage): Promise<void> {
    const key = String(request.headers['idempotency-key']);
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const before = this.#bodies.get(key);
    if (before !== undefined && before !== body) throw new Error(`two bodies under ${key}`);
    this.#bodies.set(key, body);
  }
}

export class JournaledRun {
  readonly directory: string = scratch();
  readonly #collector: Collector = new Collector();
  #running: Running | undefined;

  /** `every`: of checkpoints. */
  static async start(source: object, every = '100ms'): Promise<JournaledRun> {
    const run = new JournaledRun();
    const url = await run.#collector.listen();
    const graph = {
      apiVersion: 'cloudskin.dev/v1',
      kind: 'Dataflow',
      metadata: { name: 'journaled' },
      spec: {
        sources: { in: { ...source, schema: { id: 'int64' }, journal: true } },
        sinks: { out: { from: 'in', http: { url, format: 'ndjson' } } },
        checkpoint: { every },
      },
    };
    writeFileSync(join(run.directory, 'graph.json'), JSON.stringify(graph));
    run.begin();
    return run;
  }

  /** Numbers of the rows that came out, in their order. */
  get ids(): number[] {
    return this.#collector.ids;
  }

  /** Resolves when so many rows have come out. */
  async out(rows: number): Promise<void> {
    await expect.poll(() => this.ids.length, { timeout: 15_000, interval: 10 }).toBeGreaterThanOrEqual(rows);
  }

  begin(...more: readonly string[]): void {
    this.#running = start(['run', 'graph.json', '--state', 'state', ...more], { cwd: this.directory });
  }

  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL');
    await this.#running?.ended;
  }

  /** As Ctrl-C does; resolves to what it has said. */
  async stop(): Promise<string> {
    this.#running?.child.kill('SIGINT');
    const ended = await this.#running?.ended;
    expect([ended?.status, ended?.stderr]).toEqual([0, expect.anything()]);
    return ended?.stderr ?? '';
  }

  async close(): Promise<void> {
    await this.kill();
    this.#collector.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

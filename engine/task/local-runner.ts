/** Runs calls on the thread that it is on, with a turn of the event loop after each, so that whoever is waiting is heard. */
import type { Batch } from '../batch/batch.ts';
import type { PoolFigures } from '../cell/pools.ts';
import type { Ports } from '../ports.ts';
import type { Runner } from './task-pool.ts';
import type { TaskOutput, TaskProgram } from './task-program.ts';

export class LocalRunner implements Runner {
  readonly #program: TaskProgram;
  readonly #ports: Pick<Ports, 'turn'>;
  readonly pools: () => readonly PoolFigures[];
  #last: Promise<void> = Promise.resolve();

  constructor(program: TaskProgram, ports: Pick<Ports, 'turn'>, pools: () => readonly PoolFigures[]) {
    this.pools = pools;
    this.#program = program;
    this.#ports = ports;
  }

  async run(batches: readonly Batch[], milliseconds: number): Promise<TaskOutput> {
    await this.#last;
    try {
      return this.#program.run(batches, milliseconds);
    } finally {
      this.#last = this.#ports.turn();
    }
  }

  async close(): Promise<void> {}
}

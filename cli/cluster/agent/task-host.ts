/** Serves an agent's tasks: on worker threads, each task's own, over one connection of their own, so that no burst of calls keeps heartbeats waiting. */
import type { PoolFigures } from '../../../engine/cell/pools.ts';
import type { ServedTask, ServeRequest, TaskHost } from '../../../engine/cluster/tasks/task-host.ts';
import { connectNats } from '../../../engine/nats/client.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { realPorts } from '../../../engine/ports.ts';
import type { OpenedTask } from '../../../engine/task/open.ts';
import type { TaskPool } from '../../../engine/task/task-pool.ts';
import { componentFile, keepComponent } from './component-files.ts';
import type { WorkerSetup } from './worker-setup.ts';

interface Heard {
  readonly subject: string;
  readonly lost: (error: Error) => void;
  /** Whose threads run it. */
  readonly label: string;
  readonly pool: TaskPool;
}

export class AgentTaskHost implements TaskHost {
  readonly #setup: WorkerSetup;
  readonly #version: string;
  readonly #heard = new Set<Heard>();
  #nats: Promise<Nats> | undefined;

  constructor(setup: WorkerSetup, version: string) {
    this.#setup = setup;
    this.#version = version;
  }

  async provide(digests: readonly string[], fetch: (digest: string) => Promise<Uint8Array>): Promise<void> {
    for (const digest of digests) await keepComponent(this.#setup.directory, digest, () => fetch(digest));
  }

  fileOf(digest: string): string {
    return componentFile(this.#setup.directory, digest);
  }

  async serve({ plan, operator, bounds, ...named }: ServeRequest): Promise<ServedTask> {
    // the thread of heartbeats runs no calls
    const workers = Math.max(1, bounds.workers ?? 1);
    const { directory } = this.#setup;
    const nats = await this.#connected();
    // most agents serve none, and do without what it takes
    const { openPool } = await import('../../../engine/task/open.ts');
    const task = await openPool(plan, { ...bounds, workers, operator, directory, ports: realPorts });
    try {
      return await this.#serve(nats, task, named);
    } catch (error) {
      await task.pool.close();
      throw error;
    }
  }

  /** What the threads of tasks keep for the next calls, by task and thread. */
  pools(): ReadonlyMap<string, readonly PoolFigures[]> {
    const all = [...this.#heard].flatMap(({ label, pool }) =>
      pool.pools().map((pools, thread): [string, readonly PoolFigures[]] => [`${label} ${thread}`, pools]),
    );
    return new Map(all);
  }

  async close(): Promise<void> {
    const nats = await this.#nats?.catch(() => undefined);
    await nats?.close(500);
  }

  async #serve(
    nats: Nats,
    task: OpenedTask,
    { namespace, task: name, lost }: Pick<ServeRequest, 'namespace' | 'task' | 'lost'>,
  ): Promise<ServedTask> {
    const [{ serveTask, taskSubject }, { codecOf }] = await Promise.all([
      import('../../../engine/task/service.ts'),
      import('../../task/codec.ts'),
    ]);
    let refused: Error | undefined;
    const heard: Heard = {
      subject: taskSubject(namespace, name),
      label: `${namespace}/${name}`,
      pool: task.pool,
      lost: (error) => {
        refused ??= error;
        lost(error);
      },
    };
    this.#heard.add(heard);
    const codec = codecOf(task.plan);
    const service = await serveTask({ nats, ports: realPorts, namespace, name, task, codec, version: this.#version });
    const close = async (): Promise<void> => {
      this.#heard.delete(heard);
      await service.close();
    };
    // what the server refuses it has said by now, and it comes a turn later
    await realPorts.turn();
    if (refused !== undefined) {
      await close();
      throw refused;
    }
    return { stats: () => task.pool.stats(), close: () => close().then(() => task.pool.close()) };
  }

  #connected(): Promise<Nats> {
    this.#nats ??= this.#connect();
    return this.#nats;
  }

  async #connect(): Promise<Nats> {
    const { servers, access, name } = this.#setup;
    try {
      const nats = await connectNats({ servers, name: `${name} tasks`, ...access });
      nats.onError((error) => {
        for (const { subject, lost } of [...this.#heard]) if (error.message.includes(subject)) lost(error);
      });
      nats.onStatus((status) => {
        if (status !== 'closed') return;
        this.#nats = undefined;
        for (const { lost } of [...this.#heard]) lost(new Error('the connection to the NATS server was closed'));
      });
      return nats;
    } catch (error) {
      this.#nats = undefined;
      throw error;
    }
  }
}

/**
 * The public side of a cluster, for planners and dashboards: what a move would come to, moves and their receipts, and their phases as they come.
 *
 *     await using continuum = await connect({ servers: 'nats://10.0.7.1' });
 *     continuum.moves('shop').subscribe(({ phase, region }) => show(region, phase));
 *     const { receipts } = await continuum.move('shop', { entries: ['minutes'], site: 'hub', pauseBudget: 20 });
 */
import type { Observable } from 'rxjs';
import { defined } from '../defined.ts';
import { userError } from '../errors.ts';
import { connectNats } from '../nats/client.ts';
import type { Nats } from '../nats/nats.ts';
import { realPorts } from '../ports.ts';
import { guardedObservable } from '../runtime/api/guarded.ts';
import { AwaitedMove, awaitMove, type Moved } from './await-move.ts';
import { ClusterClient } from './client.ts';
import { type ForeseenMove, type MoveRequest, outstanding } from './coordinator/try-moving.ts';
import type { MoveEvent } from './documents/move-event.ts';
import { type AppName, appLabel } from './documents/names.ts';

export interface ContinuumOptions {
  /** `nats://host:port`, of one server or several of one cluster. */
  readonly servers: string | readonly string[];
  /** A file of credentials, and the authority behind the server's certificate. */
  readonly credentials?: string;
  readonly ca?: string;
}

/** An app by its name, of namespace `default`, or by both. */
export type AppReference = string | AppName;

/** Milliseconds that a move may take unless it is said otherwise. */
const PATIENCE = 60_000;

/** Rejects with `nats.connect` where no server answers. */
export async function connect({ servers, credentials, ca }: ContinuumOptions): Promise<Continuum> {
  const tls = ca === undefined ? {} : { tls: { ca } };
  return new Continuum(await connectNats({ servers, name: 'cloudskin api', ...defined({ credentials }), ...tls }));
}

export class Continuum implements AsyncDisposable {
  readonly #nats: Nats;
  readonly #client: ClusterClient;

  /** Of a connection that is this one's from here on. */
  constructor(nats: Nats) {
    this.#nats = nats;
    this.#client = new ClusterClient(nats, realPorts);
  }

  /** What a move or a rescaling would come to; changes nothing. Rejects with `placement.…` and others that name what stands in the way. */
  foresee(app: AppReference, request: MoveRequest): Promise<ForeseenMove> {
    return this.#client.foresee(nameOf(app), request);
  }

  /**
   * Moves entries of the graph, or deals them to other partitions; resolves when they run there, with a receipt of each region that was concerned; none where all
   * is so already. Rejects as `foresee` does, and then nothing was changed; with `move.not-done` after `timeout` milliseconds, and then it goes on.
   */
  async move(app: AppReference, request: MoveRequest, timeout: number = PATIENCE): Promise<Moved> {
    const name = nameOf(app);
    const [document, before] = await Promise.all([this.#client.app(name), this.#client.assignment(name)]);
    if (document === undefined || before === undefined) {
      throw userError('cluster.no-app', `there is no app ${appLabel(name)}`);
    }
    const wanted = outstanding(request, before.nodes);
    if (wanted.entries.length === 0) return { document, assignment: before, receipts: [] };
    await this.#client.foresee(name, wanted);
    const asked = await this.#client.move(name, wanted);
    return await awaitMove(this.#client, new AwaitedMove(asked, before, realPorts), realPorts, timeout);
  }

  /** The phases of an app's moves, whoever asked for them, from the subscription on. */
  moves(app: AppReference): Observable<MoveEvent> {
    const name = nameOf(app);
    return guardedObservable<MoveEvent>(`moves of ${appLabel(name)}`, (subscriber) => {
      const hearing = this.#client.moves(name, (event) => subscriber.next(event));
      return () => hearing.close();
    });
  }

  async close(): Promise<void> {
    await this.#nats.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function nameOf(app: AppReference): AppName {
  return typeof app === 'string' ? { namespace: 'default', app } : app;
}

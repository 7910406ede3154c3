/** Where checkpoints lie: on the agent's own disk, and in the object store on the region's side of NATS. */
import type { Nats } from '../../engine/nats/nats.ts';
import type { BlobStore } from '../../engine/state/blobs.ts';
import { openDirectory } from '../../engine/state/directory.ts';
import { objectsStore } from '../../engine/state/objects.ts';
import { teeStore } from '../../engine/state/tee.ts';

export class Stores {
  readonly #nats: Nats;
  readonly #disk: BlobStore;

  private constructor(nats: Nats, disk: BlobStore) {
    this.#nats = nats;
    this.#disk = disk;
  }

  /** `directory`: the agent's own. */
  static async open(nats: Nats, directory: string): Promise<Stores> {
    return new Stores(nats, await openDirectory(`${directory}/checkpoints`));
  }

  /** Of an app; `domain` is the JetStream domain, absent for that of the agent's own server. */
  async of(app: { readonly namespace: string; readonly app: string }, domain: string | undefined): Promise<BlobStore> {
    const own = domain === undefined || domain === this.#nats.info.domain;
    const jetstream = own ? this.#nats.jetstream() : this.#nats.jetstream(domain);
    const bucket = `cs-state-${app.namespace}-${app.app}`;
    return teeStore([this.#disk, objectsStore(await jetstream.objects(bucket), bucket)]);
  }
}

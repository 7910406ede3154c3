/**
 * Where an agent keeps state: checkpoints on its own disk and in the object store on the region's side of NATS, encrypted where there is a key;
 * journals of sources on its own disk. Each thread opens its own.
 */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stateBucket } from '../../../engine/cluster/documents/names.ts';
import { defined } from '../../../engine/defined.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { remade } from '../../../engine/nats/remade.ts';
import { realPorts } from '../../../engine/ports.ts';
import type { BlobStore } from '../../../engine/state/blobs/blobs.ts';
import { openDirectory } from '../../../engine/state/blobs/directory.ts';
import { encryptedStore } from '../../../engine/state/blobs/encrypted.ts';
import { objectsStore } from '../../../engine/state/blobs/objects.ts';
import { teeStore } from '../../../engine/state/blobs/tee.ts';
import { DiskRoom } from '../../../engine/state/disk/room.ts';
import { spaceMeter } from '../../../engine/state/disk/space.ts';
import { openLog } from '../../../engine/state/log/disk.ts';
import { type JournalName, openJournal, removeJournals } from '../../../engine/state/log/journals.ts';
import type { LogLimits, RecordLog } from '../../../engine/state/log/log.ts';
import { channelLogsIn, checkpointsIn } from '../../../engine/state/places.ts';
import type { ChannelAddress } from '../../../engine/transport/transport.ts';
import { readKeyFile } from '../../place/key-file.ts';

interface App {
  readonly namespace: string;
  readonly app: string;
}

export interface StoresOptions {
  /** The agent's own. */
  readonly directory: string;
  readonly keyFile?: string;
  /** Servers of the agent's own domain that keep checkpoints; as many as do already unless given. */
  readonly replicas?: number;
}

export class Stores {
  readonly #nats: Nats;
  readonly #directory: string;
  readonly #disk: BlobStore;
  readonly #key: Uint8Array | undefined;
  /** For the logs of this thread. */
  readonly #room: DiskRoom;
  readonly #replicas: number | undefined;

  private constructor(nats: Nats, options: StoresOptions, disk: BlobStore, key: Uint8Array | undefined) {
    this.#nats = nats;
    this.#directory = options.directory;
    this.#replicas = options.replicas;
    this.#disk = disk;
    this.#key = key;
    this.#room = new DiskRoom(spaceMeter(options.directory), realPorts);
  }

  /** Throws `state.key` where the key file cannot be used. */
  static async open(nats: Nats, options: StoresOptions): Promise<Stores> {
    const { directory, keyFile } = options;
    const key = await readKeyFile(keyFile);
    return new Stores(nats, options, await openDirectory(checkpointsIn(directory)), key);
  }

  /** Of an app; `domain` is the JetStream domain, absent for that of the agent's own server. */
  async of(app: App, domain: string | undefined): Promise<BlobStore> {
    return this.#sealed(teeStore([this.#disk, await this.#objects(app, domain)]));
  }

  /** The agent's own copies. */
  get own(): BlobStore {
    return this.#sealed(this.#disk);
  }

  /** What all agents share. */
  async shared(app: App, domain: string | undefined): Promise<BlobStore> {
    return this.#sealed(await this.#objects(app, domain));
  }

  #sealed(plain: BlobStore): BlobStore {
    return this.#key === undefined ? plain : encryptedStore(plain, this.#key);
  }

  async #objects(app: App, domain: string | undefined): Promise<BlobStore> {
    const own = domain === undefined || domain === this.#nats.info.domain;
    const jetstream = own ? this.#nats.jetstream() : this.#nats.jetstream(domain);
    const bucket = stateBucket(app);
    const replicas = own ? this.#replicas : undefined;
    return objectsStore(await remade(() => jetstream.objects(bucket, defined({ replicas }))), bucket);
  }

  /** Of the near side of a durable channel; `known` as in engine/state/log/log.ts. */
  channelLog(address: ChannelAddress, limits: LogLimits, known: number): Promise<RecordLog> {
    return openLog({ directory: this.#channelDirectory(address), ...limits, known, disk: this.#room });
  }

  /** The durable channels of an app that have a log here. */
  async channels({ namespace, app }: App): Promise<readonly string[]> {
    try {
      return await readdir(join(channelLogsIn(this.#directory), namespace, app));
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOENT') return [];
      throw error;
    }
  }

  async dropChannel(address: ChannelAddress): Promise<void> {
    await rm(this.#channelDirectory(address), { recursive: true, force: true });
  }

  /** Logs of durable channels and journals, all of an app's. */
  async dropApp({ namespace, app }: App): Promise<void> {
    await rm(join(channelLogsIn(this.#directory), namespace, app), { recursive: true, force: true });
    await removeJournals(this.#directory, { namespace, app });
  }

  #channelDirectory({ namespace, app, channel }: ChannelAddress): string {
    return join(channelLogsIn(this.#directory), namespace, app, channel);
  }

  /** Of one partition of a source that cannot replay. */
  journal(name: JournalName): Promise<RecordLog> {
    return openJournal(this.#directory, name, this.#room);
  }
}

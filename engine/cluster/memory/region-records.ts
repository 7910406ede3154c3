/**
 * The record of a region: who leads it, at which epoch, and its last complete checkpoint. It lies in KV on the region's own side and is changed
 * by compare-and-set, so of two that believe to lead only one completes a checkpoint; and on the leader's disk, so that a server that was
 * restored from an older disk is noticed and not believed. Who takes over from another has not its disk, but has heard how far it had come, and keeps that where
 * it runs something of the region.
 */
import { defined } from '../../defined.ts';
import { messageOf } from '../../errors.ts';
import { compareAndSet, isWrongRevision } from '../../nats/compare-and-set.ts';
import type { KeyValue, Nats } from '../../nats/nats.ts';
import { decodeDocument, encodeDocument, versioned } from '../documents/document.ts';
import { type AppName, regionKey } from '../documents/names.ts';
import { type RegionRecord, regionRecord } from '../documents/region-record.ts';
import type { AgentStatus } from '../documents/status.ts';
import { type Heard, isFurther, Progress } from '../presence/heard.ts';
import type { Log } from '../process/log.ts';
import type { AgentDisk } from './agent-disk.ts';

/** More ids than a leader can have used since it was heard of last. */
export const UNHEARD = 1_000;

export interface Recorded {
  /** The newest of what the server and the disk say, and of what was heard. */
  readonly record: RegionRecord | undefined;
  /** Of the server's entry; 0 where there is none. */
  readonly revision: number;
  /** The server was started anew since, perhaps with an older disk. */
  readonly restarted?: true;
}

/** The process of the server that keeps the buckets of a domain, where this agent is connected to that alone. */
export type ServerOf = (domain: string | undefined) => string | undefined;

export function serverOf(nats: Pick<Nats, 'info'>): ServerOf {
  return (domain) => {
    const { id, jetstream, cluster, domain: own } = nats.info;
    return jetstream && cluster === undefined && (domain === undefined || domain === own) ? id : undefined;
  };
}

export class RegionRecords {
  readonly #bucket: (domain: string | undefined) => Promise<KeyValue>;
  readonly #disk: AgentDisk;
  readonly #progress = new Progress();
  readonly #log: Log;
  readonly #serverOf: ServerOf;

  constructor(
    bucket: (domain: string | undefined) => Promise<KeyValue>,
    serverOf: ServerOf,
    disk: AgentDisk,
    log: Log,
  ) {
    this.#bucket = bucket;
    this.#serverOf = serverOf;
    this.#disk = disk;
    this.#log = log;
  }

  /** What another agent says of the regions that it leads. */
  hear(status: AgentStatus): void {
    for (const heard of this.#progress.hear(status)) {
      if (this.#disk.epochOf(heard, heard.region) === 0) continue;
      // a server that has gone back is rare, and so is a disk that takes nothing: not both have to be borne
      this.#disk.keepHeard(heard, heard.region, heard).catch((error: unknown) => {
        this.#log('warn', `how far region ${heard.region} has come is not kept: ${messageOf(error)}`);
      });
    }
  }

  async load(app: AppName, region: string, domain: string | undefined): Promise<Recorded> {
    const entry = await (await this.#bucket(domain)).get(regionKey(app, region));
    const served = entry === undefined ? undefined : decodeDocument(regionRecord, entry.value, entry.key);
    const kept = await this.#disk.region(app, region);
    const revision = entry?.revision ?? 0;
    const known = kept !== undefined && isNewer(kept, served) ? kept : served;
    const heard = furthest(this.#progress.of(app, region), await this.#disk.heard(app, region));
    const record = heard !== undefined && isFurther(heard, known) ? reconstructed(app, region, heard, known) : known;
    if (record !== undefined && record !== served) this.#tell(record);
    const server = this.#serverOf(domain);
    const restarted = server !== undefined && served?.server !== undefined && served.server !== server;
    return { record, revision, ...(restarted ? { restarted } : {}) };
  }

  /** Puts back what the server has lost of a region that was led here; nothing where it knows as much. */
  async giveBack(app: AppName, region: string, domain: string | undefined): Promise<void> {
    const kept = await this.#disk.region(app, region);
    if (kept === undefined) return;
    const bucket = await this.#bucket(domain);
    const entry = await bucket.get(regionKey(app, region));
    const served = entry === undefined ? undefined : decodeDocument(regionRecord, entry.value, entry.key);
    if (!isNewer(kept, served)) return;
    this.#tell(kept);
    try {
      await this.fence(kept, domain, entry?.revision ?? 0);
    } catch (error) {
      // somebody leads it, who knows better
      if (!isWrongRevision(error)) throw error;
    }
  }

  #tell({ namespace, app, region, epoch, checkpoint }: RegionRecord): void {
    const message = `the NATS server knows less of region ${region} than this agent does: it was restored, or replaced`;
    const code = 'cluster.server-went-back';
    this.#log('warn', message, { namespace, app, region, epoch, checkpoint, code });
  }

  /** Rejects with `nats.wrong-revision` where somebody else was first. Resolves to the new revision when both have it. */
  async save(record: RegionRecord, domain: string | undefined, revision: number): Promise<number> {
    const next = await this.fence(record, domain, revision);
    await this.keep(record);
    return next;
  }

  /** On the disk alone, of what the server has. */
  async keep(record: RegionRecord): Promise<void> {
    await this.#disk.keepRegion(record);
  }

  /** Ends what is led under a record elsewhere: on the server alone, since the disk's is that of the region here. */
  async fence(record: RegionRecord, domain: string | undefined, revision: number): Promise<number> {
    const bucket = await this.#bucket(domain);
    const { server: _, ...rest } = record;
    const stamped = { ...rest, ...defined({ server: this.#serverOf(domain) }) };
    return await compareAndSet(bucket, regionKey(record, record.region), encodeDocument(stamped), revision);
  }
}

function isNewer(one: RegionRecord, other: RegionRecord | undefined): boolean {
  if (other === undefined || one.epoch !== other.epoch) return one.epoch > (other?.epoch ?? -1);
  return one.reserved > other.reserved;
}

function furthest(one: Heard | undefined, other: Heard | undefined): Heard | undefined {
  return one !== undefined && isFurther(one, other) ? one : other;
}

function reconstructed(
  { namespace, app }: AppName,
  region: string,
  heard: Heard,
  known: RegionRecord | undefined,
): RegionRecord {
  const { from: _, ...before } = known ?? { from: undefined, ...versioned };
  const reserved = Math.max(known?.reserved ?? 0, heard.checkpoint + UNHEARD);
  return {
    ...before,
    namespace,
    app,
    region,
    ...heard,
    reserved,
    incarnation: '',
    released: false,
    finished: false,
  };
}

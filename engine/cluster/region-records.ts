/**
 * The record of a region: who leads it, at which epoch, and its last complete checkpoint. It lies in KV on the region's own side and is changed
 * by compare-and-set, so of two that believe to lead only one completes a checkpoint; and on the leader's disk, so that a server that was
 * restored from an older disk is noticed and not believed.
 */
import { CloudskinError } from '../errors.ts';
import type { KeyValue } from '../nats/nats.ts';
import type { AgentDisk } from './agent-disk.ts';
import { decodeDocument, encodeDocument, type RegionRecord, regionRecord } from './documents.ts';
import type { Log } from './log.ts';
import { type AppName, regionKey } from './names.ts';

export interface Recorded {
  /** The newer of what the server and the disk say. */
  readonly record: RegionRecord | undefined;
  /** Of the server's entry; 0 where there is none. */
  readonly revision: number;
}

export class RegionRecords {
  readonly #bucket: (domain: string | undefined) => Promise<KeyValue>;
  readonly #disk: AgentDisk;
  readonly #log: Log;

  constructor(bucket: (domain: string | undefined) => Promise<KeyValue>, disk: AgentDisk, log: Log) {
    this.#bucket = bucket;
    this.#disk = disk;
    this.#log = log;
  }

  async load(app: AppName, region: string, domain: string | undefined): Promise<Recorded> {
    const entry = await (await this.#bucket(domain)).get(regionKey(app, region));
    const served = entry === undefined ? undefined : decodeDocument(regionRecord, entry.value, entry.key);
    const kept = await this.#disk.region(app, region);
    const revision = entry?.revision ?? 0;
    if (kept === undefined || !isNewer(kept, served)) return { record: served, revision };
    const { namespace, app: name } = app;
    this.#log(
      'warn',
      `the NATS server knows less of region ${region} than this disk does: it was restored, or replaced`,
      {
        ...{
          namespace,
          app: name,
          region,
          epoch: kept.epoch,
          checkpoint: kept.checkpoint,
          code: 'cluster.server-went-back',
        },
      },
    );
    return { record: kept, revision };
  }

  /** Rejects with `nats.wrong-revision` where somebody else was first. Resolves to the new revision when both have it. */
  async save(record: RegionRecord, domain: string | undefined, revision: number): Promise<number> {
    const bucket = await this.#bucket(domain);
    const key = regionKey(record, record.region);
    const bytes = encodeDocument(record);
    const next = revision === 0 ? await bucket.create(key, bytes) : await bucket.update(key, bytes, revision);
    await this.#disk.keepRegion(record);
    return next;
  }

  /** Ends what is led under a record elsewhere: on the server alone, since the disk's is that of the region here. */
  async fence(record: RegionRecord, domain: string | undefined, revision: number): Promise<void> {
    const bucket = await this.#bucket(domain);
    const key = regionKey(record, record.region);
    const bytes = encodeDocument(record);
    await (revision === 0 ? bucket.create(key, bytes) : bucket.update(key, bytes, revision));
  }
}

export function isWrongRevision(error: unknown): boolean {
  return error instanceof CloudskinError && error.code === 'nats.wrong-revision';
}

function isNewer(one: RegionRecord, other: RegionRecord | undefined): boolean {
  if (other === undefined || one.epoch !== other.epoch) return one.epoch > (other?.epoch ?? -1);
  return one.reserved > other.reserved;
}

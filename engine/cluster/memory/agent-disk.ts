/**
 * What an agent keeps on its own disk, so that it goes on after a restart without a coordinator or an uplink, and so that no server restored
 * from an older disk can talk it back: the highest epochs it saw, the records of regions it led, how far others had come, assignments and plans.
 */
import { CloudskinError, messageOf } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { BlobStore } from '../../state/blobs/blobs.ts';
import { type AssignmentDocument, assignmentDocument } from '../documents/assignment.ts';
import { decodeDocument, encodeDocument, type Versioned, versioned } from '../documents/document.ts';
import { type AppName, appLabel } from '../documents/names.ts';
import { optional, type Read, record, shape, text, whole } from '../documents/read-json.ts';
import { type RegionRecord, regionRecord } from '../documents/region-record.ts';
import { type Heard, type HeardDocument, heardDocument } from '../presence/heard.ts';
import type { Log } from '../process/log.ts';
import { randomId } from '../process/random-id.ts';

interface EpochsDocument extends Versioned {
  readonly highest: number;
  /** By `namespace/app/region`. */
  readonly regions: Readonly<Record<string, number>>;
  /** Of this document: another one where the epochs that were known are not. */
  readonly memory?: string;
}

const epochsDocument = shape<EpochsDocument>({
  format: whole,
  oldest: whole,
  highest: whole,
  regions: record(whole),
  memory: optional(text),
});

const EPOCHS = 'epochs.json';

export class AgentDisk {
  readonly #blobs: BlobStore;
  readonly #log: Log | undefined;
  #highest = 0;
  #memory = '';
  readonly #regions = new Map<string, number>();
  /** Epochs that this process was the first to write. */
  readonly #claimed = new Map<string, number>();
  #writing: Promise<void> = Promise.resolve();

  constructor(blobs: BlobStore, log?: Log) {
    this.#blobs = blobs;
    this.#log = log;
  }

  /** Before anything else is asked of it. */
  async open({ random }: Pick<Ports, 'random'>): Promise<void> {
    const found = await this.#read(EPOCHS, epochsDocument);
    this.#memory = found?.memory ?? randomId(random);
    this.#highest = found?.highest ?? 0;
    for (const [region, epoch] of Object.entries(found?.regions ?? {})) this.#regions.set(region, epoch);
  }

  /** Names what is remembered here: a disk that is empty, or has lost its epochs, is another memory, though its agent be called the same. */
  get memory(): string {
    return this.#memory;
  }

  get highest(): number {
    return this.#highest;
  }

  /** Remembers an epoch that somebody named, with the next write. */
  heardOf(epoch: number): void {
    this.#highest = Math.max(this.#highest, epoch);
  }

  epochOf(app: AppName, region: string): number {
    return this.#regions.get(regionLabel(app, region)) ?? 0;
  }

  /**
   * Resolves to true when it is safe on disk that this process runs fragments of the region at `epoch`; to false where an earlier process, or
   * a later epoch, was there before.
   */
  async claim(app: AppName, region: string, epoch: number): Promise<boolean> {
    const label = regionLabel(app, region);
    if (this.#claimed.get(label) === epoch && this.#regions.get(label) === epoch) {
      // a write that failed has not made it safe: the disk may take it now
      await this.#writing.catch(() => this.#writeEpochs());
      return true;
    }
    if ((this.#regions.get(label) ?? 0) >= epoch) return false;
    this.#regions.set(label, epoch);
    this.#claimed.set(label, epoch);
    this.heardOf(epoch);
    await this.#writeEpochs();
    return true;
  }

  region(app: AppName, region: string): Promise<RegionRecord | undefined> {
    return this.#read(`regions/${regionLabel(app, region)}.json`, regionRecord);
  }

  async keepRegion(document: RegionRecord): Promise<void> {
    await this.#write(`regions/${regionLabel(document, document.region)}.json`, document);
  }

  heard(app: AppName, region: string): Promise<Heard | undefined> {
    return this.#read(`heard/${regionLabel(app, region)}.json`, heardDocument);
  }

  /** How far a region has come that others lead. */
  async keepHeard(app: AppName, region: string, { holder, deployed, epoch, checkpoint }: Heard): Promise<void> {
    const document: HeardDocument = { ...versioned, holder, deployed, epoch, checkpoint };
    await this.#write(`heard/${regionLabel(app, region)}.json`, document);
  }

  async assignments(): Promise<readonly AssignmentDocument[]> {
    const names = await this.#blobs.list('assignments/');
    const all = await Promise.all(names.map((name) => this.#read(name, assignmentDocument)));
    return all.filter((document) => document !== undefined);
  }

  async keepAssignment(document: AssignmentDocument): Promise<void> {
    await this.#write(`assignments/${appLabel(document)}.json`, document);
  }

  async forgetApp(app: AppName): Promise<void> {
    await this.#blobs.delete(`assignments/${appLabel(app)}.json`);
  }

  artifact(name: string): Promise<Uint8Array | undefined> {
    return this.#blobs.get(`artifacts/${name}`);
  }

  async keepArtifact(name: string, bytes: Uint8Array): Promise<void> {
    await this.#blobs.put(`artifacts/${name}`, [bytes]);
  }

  /** Names of artifacts, those only that are called `kind/...`. */
  async artifacts(kind: string): Promise<readonly string[]> {
    const names = await this.#blobs.list(`artifacts/${kind}/`);
    return names.map((name) => name.slice('artifacts/'.length));
  }

  async dropArtifact(name: string): Promise<void> {
    await this.#blobs.delete(`artifacts/${name}`);
  }

  /** One write after the other, so that an older one never lands on a newer. */
  #writeEpochs(): Promise<void> {
    const write = async (): Promise<void> => {
      await this.#write(EPOCHS, {
        ...versioned,
        highest: this.#highest,
        memory: this.#memory,
        regions: Object.fromEntries(this.#regions),
      } satisfies EpochsDocument);
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }

  async #write(name: string, document: object): Promise<void> {
    await this.#blobs.put(name, [encodeDocument(document)]);
  }

  async #read<T extends Versioned>(name: string, read: Read<T>): Promise<T | undefined> {
    const bytes = await this.#blobs.get(name);
    if (bytes === undefined) return undefined;
    try {
      return decodeDocument(read, bytes, name);
    } catch (error) {
      await this.#setAside(name, bytes, error);
      return undefined;
    }
  }

  /** What this version cannot read is as good as lost, and must not keep the agent from its work; the servers have all of it, too. */
  async #setAside(name: string, bytes: Uint8Array, error: unknown): Promise<void> {
    const code = error instanceof CloudskinError ? error.code : 'cluster.bad-document';
    const reason = messageOf(error);
    this.#log?.('error', `${reason}; it is kept as set-aside/${name}, and the agent goes on without it`, { code });
    await this.#blobs.put(`set-aside/${name}`, [bytes]);
    await this.#blobs.delete(name);
  }
}

function regionLabel(app: AppName, region: string): string {
  return `${appLabel(app)}/${region}`;
}

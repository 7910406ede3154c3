/**
 * The logs on the disk of a simulated machine: they outlive its processes, lose with each what was not synced, take nothing more while the disk is full, and
 * belong to whoever opened them last.
 */
import { externalError } from '../../../engine/errors.ts';
import type { LogLimits, LogReader, RecordLog } from '../../../engine/state/log/log.ts';
import { MemoryLog } from '../../../engine/state/log/memory.ts';
import type { SimulatedNode } from '../nats/node.ts';
import type { SimulatedDisk } from './disk.ts';

/** Milliseconds that a sync takes, at most. */
const SLOWEST = 8;

interface Kept {
  readonly log: MemoryLog;
  owner: OwnedLog | undefined;
}

export class SimulatedLogs {
  readonly #disk: SimulatedDisk;
  readonly #logs = new Map<string, Kept>();

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  /** Whether there is something here that is nowhere else. */
  get any(): boolean {
    return this.#logs.size > 0;
  }

  /** As `openLog` of engine/state/log/disk.ts. */
  open(node: SimulatedNode, name: string, limits: LogLimits, known: number): RecordLog {
    const kept = this.#logs.get(name) ?? { log: new MemoryLog(limits), owner: undefined };
    kept.log.crash();
    if (kept.log.next <= known)
      throw externalError('log.lost', `the log ${name} ends before ${known}, which was safe once`);
    this.#logs.set(name, kept);
    kept.owner = new OwnedLog(node, this.#disk, kept.log, (owner) => kept.owner === owner);
    return kept.owner;
  }
}

class OwnedLog implements RecordLog {
  readonly #node: SimulatedNode;
  readonly #disk: SimulatedDisk;
  readonly #log: MemoryLog;
  readonly #isMine: (owner: OwnedLog) => boolean;

  constructor(node: SimulatedNode, disk: SimulatedDisk, log: MemoryLog, isMine: (owner: OwnedLog) => boolean) {
    this.#node = node;
    this.#disk = disk;
    this.#log = log;
    this.#isMine = isMine;
  }

  get first(): number {
    return this.#log.first;
  }

  get next(): number {
    return this.#log.next;
  }

  get synced(): number {
    return this.#log.synced;
  }

  get bytes(): number {
    return this.#log.bytes;
  }

  get dropped(): number {
    return this.#log.dropped;
  }

  append(data: Uint8Array): number {
    return this.#mine().append(data);
  }

  room(bytes: number): Promise<void> | undefined {
    return this.#mine().room(bytes);
  }

  async sync(): Promise<void> {
    await new Promise<void>((resolve) => this.#node.after(this.#node.random.next() * SLOWEST, resolve));
    const log = this.#mine();
    if (this.#disk.full) throw externalError('log.disk-full', 'the disk is full', { retry: true });
    await log.sync();
  }

  read(from: number): LogReader {
    return this.#mine().read(from);
  }

  async trim(sequence: number): Promise<void> {
    await this.#mine().trim(sequence);
  }

  async close(): Promise<void> {
    if (!this.#isMine(this)) return;
    await this.sync().catch(() => undefined);
    if (this.#isMine(this)) await this.#log.close();
  }

  #mine(): MemoryLog {
    if (!this.#isMine(this)) throw externalError('log.closed', 'the log is somebody else’s now');
    return this.#log;
  }
}

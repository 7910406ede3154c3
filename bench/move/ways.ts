/**
 * The ways in which a cell goes to another process: by page transfer while it runs, stopped and copied, and by a checkpoint, a stop and a start. Each is measured from the last batch here
 * to the first one there, by the machine's clock; the target's memory has to be the same.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realPorts } from '../../engine/ports.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { PAGE } from '../../engine/state/checkpoint/pages.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { PreCopySender } from '../../engine/state/precopy/sender.ts';
import { type MovedCell, NAME } from './cell.ts';
import { clock, hear, type Kind, say } from './wire.ts';

export interface Moved {
  /** Milliseconds from the last batch here to the first one there, and from the request on. */
  readonly pause: number;
  readonly total: number;
  /** Over the link. */
  readonly bytes: number;
  /** Of the image, and of pages that were changed while it went, each once. */
  readonly needed: number;
  readonly rounds: number;
}

export type Way = (cell: MovedCell, line: Line) => Promise<Moved>;

/** Milliseconds that a cell of a move may stand still. */
const BUDGET = 20;

/** The connection to a target. */
export class Line {
  readonly #socket: Socket;
  readonly #waiting = new Map<Kind, (bytes: Buffer) => void>();
  /** Hears frames of the page transfer. */
  onFrame: (bytes: Buffer) => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    hear(socket, (kind, bytes) => (kind === 'frame' ? this.onFrame(bytes) : this.#waiting.get(kind)?.(bytes)));
  }

  say(kind: Kind, ...parts: readonly Uint8Array[]): void {
    say(this.#socket, kind, ...parts);
  }

  /** The next message of the kind. */
  next(kind: Kind): Promise<Buffer> {
    return new Promise((resolve) => this.#waiting.set(kind, resolve));
  }

  async open(bytes: number): Promise<void> {
    const opened = this.next('opened');
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes);
    this.say('open', size);
    await opened;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Copied while it runs, until what is left fits the budget. */
export const preCopy: Way = (cell, line) => transfer(cell, line, true);

/** Stopped, then copied. */
export const stopAndCopy: Way = (cell, line) => transfer(cell, line, false);

async function transfer(cell: MovedCell, line: Line, runs: boolean): Promise<Moved> {
  const sender = new PreCopySender({ budget: runs ? BUDGET : Number.POSITIVE_INFINITY });
  const now = (): number => performance.now();
  const started = clock();
  let cut = started;
  const over = Promise.withResolvers<void>();
  const go = (): void => {
    if (runs && ['hello', 'round', 'ready'].includes(sender.state)) cell.batch();
    if (sender.state === 'ready') {
      if (runs) cut = clock();
      sender.cut(now());
    }
    for (const frame of sender.step({ memory: cell.memory }, now(), now)) line.say('frame', frame);
    if (sender.state === 'different') over.reject(new Error('the memories differ'));
    if (sender.state === 'done') over.resolve();
  };
  line.onFrame = (bytes) => {
    sender.receive(bytes, now());
    if (sender.state === 'done' || sender.state === 'cutting') go();
  };
  const turn = (): void => {
    if (sender.state === 'done' || sender.state === 'different') return;
    go();
    setImmediate(turn);
  };
  cell.batch();
  turn();
  await over.promise;
  const { bytes, repeated, imagePages, dirtiedPages, rounds } = sender.receipt;
  sender.close();
  const { pause, total } = await firstBatch(cell, line, { started, cut, how: 0 });
  const needed = (imagePages + dirtiedPages) * PAGE;
  return { pause, total, bytes: bytes + repeated, needed, rounds: rounds.length };
}

/** A checkpoint, then nothing more; a start from it there. */
export const restart: Way = async (cell, line) => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-move-'));
  try {
    const store = await openDirectory(directory);
    const saver = createSaver({ ...NAME, store, ports: realPorts });
    cell.batch();
    const started = clock();
    const receipt = await saver.save(1, cell.snapshot());
    const checkpoints = openCheckpoints({ ...NAME, store });
    await checkpoints.complete({ id: 1, epoch: 1, revision: 1, started: 0, completed: 0 }, [receipt]);
    await checkpoints.settled();
    let bytes = 0;
    for (const name of await store.list('')) {
      const blob = await store.get(name);
      if (blob === undefined) throw new Error(`${name} is gone`);
      const head = Buffer.alloc(2 + Buffer.byteLength(name));
      head.writeUInt16LE(Buffer.byteLength(name));
      head.write(name, 2);
      line.say('blob', head, blob);
      bytes += blob.length;
    }
    const times = await firstBatch(cell, line, { started, cut: started, how: 1 });
    return { ...times, bytes, needed: cell.memory.length, rounds: 0 };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

interface Going {
  readonly started: bigint;
  readonly cut: bigint;
  readonly how: 0 | 1;
}

async function firstBatch(cell: MovedCell, line: Line, { started, cut, how }: Going) {
  const ran = line.next('ran');
  line.say('go', Buffer.of(how));
  const bytes = await ran;
  const at = bytes.readBigUInt64LE(0);
  if (!createHash('sha256').update(cell.memory).digest().equals(bytes.subarray(8)))
    throw new Error('the memories differ');
  return { pause: Number(at - cut) / 1e6, total: Number(at - started) / 1e6 };
}

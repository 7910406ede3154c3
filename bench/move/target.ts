/** The process that a cell goes to: takes its memory, by page transfer or from a checkpoint, and runs the first batch on it; prints its port. */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import process from 'node:process';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { PreCopyReceiver } from '../../engine/state/precopy/receiver.ts';
import { NAME } from './cell.ts';
import { clock, hear, say } from './wire.ts';

class Target {
  readonly #socket: Socket;
  /** Grown and touched before, as pools have it. */
  #memory = Buffer.alloc(0);
  #receiver = new PreCopyReceiver({ room: () => this.#memory });
  #blobs = new Map<string, Uint8Array>();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  take(kind: string, bytes: Buffer): void {
    if (kind === 'open') this.#open(bytes.readUInt32LE(0));
    if (kind === 'frame') for (const reply of this.#receiver.receive(bytes)) say(this.#socket, 'frame', reply);
    if (kind === 'blob') this.#keep(bytes);
    if (kind === 'go') void (bytes[0] === 1 ? this.#restore() : this.#run(this.#memory));
  }

  #open(bytes: number): void {
    if (this.#memory.length !== bytes) this.#memory = Buffer.alloc(bytes, 1);
    this.#memory.fill(0);
    this.#receiver = new PreCopyReceiver({ room: () => this.#memory });
    this.#blobs = new Map();
    say(this.#socket, 'opened');
  }

  #keep(bytes: Buffer): void {
    const end = 2 + bytes.readUInt16LE(0);
    this.#blobs.set(bytes.toString('utf8', 2, end), bytes.subarray(end));
  }

  async #restore(): Promise<void> {
    const store = openCheckpoints({ ...NAME, store: heldBlobs(this.#blobs) });
    const { manifest } = await store.newest();
    if (manifest === undefined) throw new Error('no checkpoint has come');
    const image = (await store.load(manifest, 'bench')).cells.get('cell')?.image;
    if (image === undefined) throw new Error('the checkpoint holds no image');
    this.#memory.set(image.memory);
    this.#run(this.#memory);
  }

  /** The first batch: a look at the memory. The digest is behind the clock. */
  #run(memory: Buffer): void {
    memory[64] = ((memory[64] ?? 0) + 1) & 255;
    const at = Buffer.alloc(8);
    at.writeBigUInt64LE(clock());
    memory[64] = ((memory[64] ?? 0) - 1) & 255;
    say(this.#socket, 'ran', at, createHash('sha256').update(memory).digest());
  }
}

/** Of what came over the link. */
function heldBlobs(blobs: ReadonlyMap<string, Uint8Array>): BlobStore {
  const refused = (): Promise<never> => Promise.reject(new Error('only read'));
  return {
    description: 'blobs in memory',
    put: refused,
    delete: refused,
    get: async (name) => blobs.get(name),
    list: async (prefix) => [...blobs.keys()].filter((name) => name.startsWith(prefix)),
  };
}

const server = createServer({ noDelay: true }, (socket) => {
  const target = new Target(socket);
  hear(socket, (kind, bytes) => target.take(kind, bytes));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : 0}\n`);
});

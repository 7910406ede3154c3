/**
 * The messages of Arrow files and streams, one at a time. A file whose bytes can be read at any place is read by its footer; one that
 * comes in order (compressed, standard input) as the stream that it holds, and its end is checked. Which of the two formats it
 * is, is seen from the first bytes, whatever the file is called.
 */

import { FlatBuffer, type FlatTable } from '../../../engine/batch/flatbuffer.ts';
import { readMessage, readPrefix } from '../../../engine/batch/ipc-message.ts';
import { defined } from '../../../engine/defined.ts';
import { userError } from '../../../engine/errors.ts';
import type { Input, RandomAccess } from '../format.ts';
import { MAX_BODY } from './body.ts';
import { Feed } from './feed.ts';

const MAGIC = 'ARROW1';
/** Magic and padding in front; footer length and magic behind. */
const HEAD = 8;
const TAIL = 10;
const BLOCK_BYTES = 24;

export interface RawMessage {
  readonly metadata: Uint8Array;
  /** Begins at a multiple of 8 in its memory; valid until the next message is asked for, unless `keep` was set. */
  readonly body: Uint8Array;
}

export interface Messages {
  /** The Schema table of the schema message, or of the footer. */
  readonly schema: FlatTable;
  /** `keep`: the body is the caller's. Undefined at the end. Throws `source.corrupt`. */
  next(keep: boolean): Promise<RawMessage | undefined>;
  close(): Promise<void>;
}

export function corrupt(name: string, why: string, cause?: unknown): Error {
  return userError('source.corrupt', `${name} is no complete Arrow file or stream: ${why}`, {
    hint: 'the file is truncated or damaged',
    ...defined({ cause }),
  });
}

/** Bytes of a message's body, as its metadata says. */
function bodyLength(name: string, metadata: Uint8Array): number {
  const length = new FlatBuffer(metadata).root().i64(3, 0);
  if (length < 0 || length > MAX_BODY) throw corrupt(name, `a message of ${length} bytes`);
  return length;
}

/** Throws `source.corrupt`, and `source.wrong-format` for what is neither. */
export async function openMessages(input: Input, signal: AbortSignal): Promise<Messages> {
  if (input.random !== undefined) {
    const head = await input.random.read(0, Math.min(HEAD, input.random.byteLength));
    if (isFile(head)) return openFile(input.name, input.random);
  }
  const feed = new Feed(input);
  const head = await feed.take(HEAD, false);
  const messages = new StreamMessages(input.name, feed, signal, head);
  const before = await messages.open();
  return before === undefined ? messages : collect(input.name, feed, [head, ...before]);
}

/** Some writers leave the schema to the footer; such a file is held whole, up to `MAX_BODY`. */
async function collect(name: string, feed: Feed, before: readonly Uint8Array[]): Promise<Messages> {
  const rest = await feed.take(MAX_BODY, false);
  await feed.close();
  if (rest.length === MAX_BODY) throw corrupt(name, 'its schema does not come first');
  const bytes = new Uint8Array(Buffer.concat([...before, rest]));
  return openFile(name, { byteLength: bytes.length, read: async (start, end) => bytes.slice(start, end) });
}

function isFile(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;
}

function checkHead(name: string, head: Uint8Array): void {
  const text = Buffer.from(head).toString('latin1');
  const known = [
    ['FEA1', 'a Feather V1 file', 'write it as Feather V2, which is an Arrow file'],
    ['PAR1', 'a parquet file', 'set `format: parquet`'],
    ['\u001f\u008b', 'gzip-compressed data', 'set `compression: gzip`, or name the file `.gz`'],
    ['\u0028\u00b5\u002f\u00fd', 'zstd-compressed data', 'set `compression: zstd`, or name the file `.zst`'],
  ] as const;
  for (const [magic, what, hint] of known) {
    if (text.startsWith(magic)) throw userError('source.wrong-format', `${name} is ${what}, not Arrow`, { hint });
  }
}

/** Messages one after the other, of a stream or of a file read from its front. */
class StreamMessages implements Messages {
  schema: FlatTable = NO_SCHEMA;
  readonly #name: string;
  readonly #feed: Feed;
  readonly #signal: AbortSignal;
  readonly #file: boolean;
  /** The bytes of the first prefix that were read to see what this is. */
  #head: Uint8Array;
  #ended = false;

  constructor(name: string, feed: Feed, signal: AbortSignal, head: Uint8Array) {
    this.#name = name;
    this.#feed = feed;
    this.#signal = signal;
    this.#file = isFile(head);
    this.#head = this.#file ? new Uint8Array(0) : head;
  }

  /** Reads the schema; where a file has none in front, gives back the bytes read since the magic. */
  async open(): Promise<readonly Uint8Array[] | undefined> {
    if (!this.#file) checkHead(this.#name, this.#head);
    const length = await this.#prefix();
    const prefix = Buffer.concat([Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0), this.#head]);
    prefix.writeUInt32LE(length, 4);
    const metadata = length === 0 ? undefined : await this.#exactly(length, true);
    if (this.#signal.aborted) return undefined;
    const message = metadata === undefined ? undefined : readMessage(metadata);
    if (message?.kind === 'schema') this.schema = message.table;
    else if (this.#file) return metadata === undefined ? [prefix] : [prefix.subarray(0, 8), metadata];
    else throw corrupt(this.#name, 'it holds no schema');
    return undefined;
  }

  next(keep: boolean): Promise<RawMessage | undefined> {
    return this.#read(keep);
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  async #read(keep: boolean): Promise<RawMessage | undefined> {
    if (this.#ended) return undefined;
    const length = await this.#prefix();
    if (length === 0) return this.#end();
    const metadata = await this.#exactly(length, true);
    if (metadata === undefined) return undefined;
    const body = await this.#exactly(bodyLength(this.#name, metadata), keep);
    return body === undefined ? undefined : { metadata, body };
  }

  /** Bytes of the next message's metadata; 0 at the end. */
  async #prefix(): Promise<number> {
    let head = await this.#more(this.#head, 4);
    this.#head = new Uint8Array(0);
    if (head.length === 0) return 0;
    if (head.length === 4 && head.every((byte) => byte === 255)) head = await this.#more(head, 8);
    const prefix = readPrefix(head, 0);
    if (prefix === undefined) {
      if (this.#signal.aborted) return 0;
      throw corrupt(this.#name, 'it ends within a message');
    }
    this.#head = head.subarray(prefix.start);
    return prefix.length;
  }

  async #more(head: Uint8Array, length: number): Promise<Uint8Array> {
    if (head.length >= length) return head;
    return Buffer.concat([head, await this.#feed.take(length - head.length, false)]);
  }

  async #exactly(length: number, keep: boolean): Promise<Uint8Array | undefined> {
    const head = this.#head.subarray(0, length);
    this.#head = this.#head.subarray(head.length);
    const rest = await this.#feed.take(length - head.length, !keep);
    if (head.length + rest.length < length) {
      if (this.#signal.aborted) return undefined;
      throw corrupt(this.#name, 'it ends within a message');
    }
    return head.length === 0 ? rest : new Uint8Array(Buffer.concat([head, rest]));
  }

  /** A stream may end without saying so; a file must end with its magic, or it was cut off. */
  async #end(): Promise<undefined> {
    this.#ended = true;
    if (!this.#file || this.#signal.aborted) return undefined;
    const tail = await this.#feed.drain(MAGIC.length);
    if (!isFile(tail) && !this.#signal.aborted) throw corrupt(this.#name, 'its end is missing');
    return undefined;
  }
}

/** What stands for the schema of an input that was stopped before it came. */
const NO_SCHEMA: FlatTable = new FlatBuffer(Uint8Array.of(8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0)).root();

interface Block {
  readonly offset: number;
  readonly metadata: number;
  readonly body: number;
}

async function openFile(name: string, random: RandomAccess): Promise<Messages> {
  const { byteLength } = random;
  if (byteLength < HEAD + TAIL) throw corrupt(name, 'it ends within its header');
  const tail = await random.read(byteLength - TAIL, byteLength);
  if (!isFile(tail.subarray(4))) throw corrupt(name, 'its end is missing');
  const length = new DataView(tail.buffer, tail.byteOffset).getInt32(0, true);
  if (length <= 0 || length > byteLength - HEAD - TAIL) throw corrupt(name, `a footer of ${length} bytes`);
  const footer = new FlatBuffer(await random.read(byteLength - TAIL - length, byteLength - TAIL)).root();
  const end = byteLength - TAIL - length;
  const blocks = [2, 3].flatMap((slot) => {
    const { length: count, at } = footer.vector(slot, BLOCK_BYTES);
    return Array.from({ length: count }, (_, i) => readBlock(name, footer.buffer, at + i * BLOCK_BYTES, end));
  });
  const schema = footer.table(1);
  if (schema === undefined) throw corrupt(name, 'it holds no schema');
  let turn = 0;
  return {
    schema,
    next: async () => {
      const block = blocks[turn++];
      return block === undefined ? undefined : readMessageAt(name, random, block);
    },
    close: async () => undefined,
  };
}

function readBlock(name: string, buffer: FlatBuffer, at: number, end: number): Block {
  const block = { offset: buffer.i64(at), metadata: buffer.i32(at + 8), body: buffer.i64(at + 16) };
  const { offset, metadata, body } = block;
  if (offset < HEAD || metadata < 8 || body < 0 || body > MAX_BODY || offset + metadata + body > end) {
    throw corrupt(name, `a block at ${offset} of ${metadata} and ${body} bytes before ${end}`);
  }
  return block;
}

async function readMessageAt(name: string, random: RandomAccess, block: Block): Promise<RawMessage> {
  const bytes = await random.read(block.offset, block.offset + block.metadata + block.body);
  const prefix = readPrefix(bytes, 0);
  if (prefix === undefined || prefix.start + prefix.length > block.metadata) {
    throw corrupt(name, `a message at ${block.offset} that is longer than its block`);
  }
  const metadata = bytes.subarray(prefix.start, prefix.start + prefix.length);
  const length = bodyLength(name, metadata);
  if (length > block.body) throw corrupt(name, `a message at ${block.offset} that is longer than its block`);
  const body = bytes.subarray(block.metadata, block.metadata + length);
  return { metadata, body: body.byteOffset % 8 === 0 ? body : new Uint8Array(body) };
}

/**
 * What the two processes of `bench move` say to each other over a socket: messages of a length, a kind and bytes.
 *
 *     | bytes that follow, u32 | kind u8 | bytes |
 */
import type { Socket } from 'node:net';

/**
 * `open`: bytes of the memory, u32; `opened`; `frame`: of the page transfer, both ways; `blob`: of a checkpoint, name length u16, name, bytes; `go`: the cell is the
 * target's, with 0 of a page transfer, 1 of a checkpoint; `ran`: its first batch, nanoseconds of the machine's clock u64, digest of the memory.
 */
const KINDS = ['open', 'opened', 'frame', 'blob', 'go', 'ran'] as const;
export type Kind = (typeof KINDS)[number];

export function say(socket: Socket, kind: Kind, ...parts: readonly Uint8Array[]): void {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32LE(length, 0);
  head[4] = KINDS.indexOf(kind);
  socket.cork();
  socket.write(head);
  for (const part of parts) socket.write(part);
  socket.uncork();
}

/** Calls `take` with each message; its bytes are the taker's. */
export function hear(socket: Socket, take: (kind: Kind, bytes: Buffer) => void): void {
  let waiting: Buffer[] = [];
  let have = 0;
  let want = 4;
  socket.on('data', (chunk: Buffer) => {
    waiting.push(chunk);
    have += chunk.length;
    if (have < want) return;
    let all = waiting.length === 1 ? chunk : Buffer.concat(waiting, have);
    while (all.length >= 4 && all.length >= 4 + all.readUInt32LE(0)) {
      const end = 4 + all.readUInt32LE(0);
      take(KINDS[all[4] ?? 0] ?? 'open', all.subarray(5, end));
      all = all.subarray(end);
    }
    waiting = [all];
    have = all.length;
    want = all.length >= 4 ? 4 + all.readUInt32LE(0) : 4;
  });
}

export const clock = (): bigint => process.hrtime.bigint();

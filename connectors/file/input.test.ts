import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openInput } from './input.ts';

/** Pieces that come when they are pushed, as standard input does. */
function slowInput(): { stdin: AsyncIterable<Uint8Array>; push(text: string | Uint8Array): void; end(): void } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const ignore = (): void => undefined;
  return {
    stdin: readable as unknown as AsyncIterable<Uint8Array>,
    push: (bytes) => void writer.write(Buffer.from(bytes)).catch(ignore),
    end: () => void writer.close().catch(ignore),
  };
}

describe('standard input', () => {
  it('is read piece by piece to its end, and is live', async () => {
    const { stdin, push, end } = slowInput();
    const input = await openInput({
      path: '-',
      name: 'stdin',
      compression: 'none',
      signal: new AbortController().signal,
      stdin,
    });
    const stream = input.stream();
    expect([input.live, input.random]).toEqual([true, undefined]);
    for (const text of ['one', 'two']) {
      push(text);
      expect(Buffer.from((await stream.next()).value ?? '').toString()).toBe(text);
    }
    end();
    expect((await stream.next()).done).toBe(true);
    await input.close();
  });

  it('ends when the signal aborts, although nothing comes', async () => {
    const abort = new AbortController();
    const { stdin } = slowInput();
    const input = await openInput({ path: '-', name: 'stdin', compression: 'none', signal: abort.signal, stdin });
    const pending = input.stream().next();
    abort.abort();
    expect((await pending).done).toBe(true);
    await input.close();
  });

  it('is decompressed', async () => {
    const { stdin, push, end } = slowInput();
    const input = await openInput({
      path: '-',
      name: 'stdin',
      compression: 'gzip',
      signal: new AbortController().signal,
      stdin,
    });
    push(gzipSync('packed'));
    end();
    expect(Buffer.from((await input.stream().next()).value ?? '').toString()).toBe('packed');
    await input.close();
  });
});

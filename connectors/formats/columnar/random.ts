/** Bytes at any place of an input that comes in order, for formats with a footer: the input is held whole. */
import { userError } from '../../../engine/errors.ts';
import type { Input, RandomAccess } from '../format.ts';

const MOST = 1_073_741_824;

/** Throws `source.too-large` beyond 1 GiB. */
export async function collected(input: Input, signal: AbortSignal): Promise<RandomAccess> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const stream = input.stream();
  for (let next = await stream.next(); next.done !== true && !signal.aborted; next = await stream.next()) {
    size += next.value.length;
    if (size > MOST) {
      await stream.return?.();
      throw userError(
        'source.too-large',
        `${input.name} is larger than ${MOST} bytes and cannot be read from its end`,
        {
          hint: 'give it as a plain file, not compressed as a whole nor from standard input',
        },
      );
    }
    pieces.push(new Uint8Array(next.value));
  }
  const bytes = new Uint8Array(Buffer.concat(pieces));
  return { byteLength: size, read: async (start, end) => bytes.slice(start, end) };
}

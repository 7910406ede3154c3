import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CloudskinError } from '../../../engine/errors.ts';
import { decodeLz4, decodeLz4Block, encodeLz4 } from './lz4.ts';

/** What the lz4 command 1.9.4 makes of `TEXT`, with a content size and a checksum. */
const FRAME: Uint8Array = new Uint8Array(
  Buffer.from(
    'BCJNGGxAEAkAAAAAAADKEAEAAPEXbGluZSAwIG9mIGEgdGV4dCB0aGF0IHJlcGVhdHMgaXRzZWxmOyAmAB8xJgASHzImABIfMyYA' +
      'Eh80JgASHzUmABIfNiYAEh83JgASHzgmABIfOSYAEh8xfQEUD34BEx8xfwETHzGAARMfMYEBEx8xggETHzGDARMfMYQBEx8xhQET' +
      'HzGGARMfMoYBEx8yhgETHzKGARMfMoYBEx8yhgETHzKGARMfMoYBEx8yhgETHzKGARMfMoYBEx8zhgETHzOGARMfM4YBEx8zhgET' +
      'HzOGARMfM4YBEx8zhgETDxABEw8PARMPDgEUD7UEEg8MARMPCwETDwoBEw+PAhMPjgITD40CEw+ZBf/fUGVsZjsgAAAAANVd/pc=',
    'base64',
  ),
);
const TEXT: string = Array.from({ length: 60 }, (_, i) => `line ${i % 37} of a text that repeats itself; `).join('');

/** Bytes that repeat here and there, as columns do. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(new Uint8Array(300)),
      fc.constant(Buffer.from('machine-17')),
    ),
    {
      maxLength: 60,
    },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

describe('LZ4 frames', () => {
  test('what the lz4 command writes is read', () => {
    expect(Buffer.from(decodeLz4(FRAME, TEXT.length)).toString()).toBe(TEXT);
  });

  test('all bytes come back', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(decodeLz4(encodeLz4(input), input.length)).toEqual(input);
      }),
    );
    const large = new Uint8Array(9_000_000).map((_, i) => (i >> 9) ^ i);
    expect(Buffer.compare(decodeLz4(encodeLz4(large), large.length), large)).toBe(0);
  });

  test('bytes that repeat become fewer', () => {
    expect(encodeLz4(new Uint8Array(100_000)).length).toBeLessThan(1000);
  });

  test('a changed byte is noticed by the checksum, or by the length', () => {
    for (let at = 4; at < FRAME.length; at++) {
      const bad = new Uint8Array(FRAME);
      bad[at] = (bad[at] ?? 0) ^ 0x55;
      // The header's own checksum (byte 14) and the block size descriptor (byte 5) are not needed to decode.
      if (at !== 5 && at !== 14) expect(() => decodeLz4(bad, TEXT.length), `byte ${at}`).toThrow(CloudskinError);
    }
  });

  test('frames cut short, or of another length, are refused', () => {
    for (let length = 0; length < FRAME.length; length++) {
      expect(() => decodeLz4(FRAME.slice(0, length), TEXT.length)).toThrow(CloudskinError);
    }
    const frame = encodeLz4(new Uint8Array(10));
    expect(() => decodeLz4(frame, 9)).toThrow(/content size/);
  });

  test('arbitrary bytes as a block give an error or exactly what was asked for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(2000), (block, length) => {
        try {
          expect(decodeLz4Block(block, length)).toHaveLength(length);
        } catch (error) {
          expect(error).toBeInstanceOf(CloudskinError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

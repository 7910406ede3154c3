/** Damaged component files are refused by a clear error, or run within their limits; the engine neither crashes nor hangs. */
import { beforeAll, describe, expect, test } from 'vitest';
import { guestComponent, openOperator, withFile } from '../../../test/kit/guests.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import type { Schema } from '../../batch/types.ts';
import { CloudskinError } from '../../errors.ts';
import { prepare, prepareComponent } from './prepare.ts';
import { decodePrepared } from './prepared.ts';

const SCHEMA: Schema = { fields: [{ name: 'v', type: { kind: 'float64' }, nullable: true }] };
const CODES = /^(component\.[a-z-]+|cell\.deadline)$/;

/** mulberry32, so that a failure can be run again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** The error's code, `fine` where there was none; anything that is not the user's to see is thrown. */
async function codeOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
    return 'fine';
  } catch (error) {
    if (!(error instanceof CloudskinError) || error.domain !== 'user') throw error;
    expect(error.code).toMatch(CODES);
    expect(error.message).not.toMatch(/\n|\bat [^ ]+:\d+/);
    return error.code;
  }
}

function rows(): ReturnType<BatchBuilder['finish']> {
  const builder = new BatchBuilder(SCHEMA);
  for (let row = 0; row < 10; row++) {
    builder.columns[0]?.append(row);
    builder.endRow();
  }
  return builder.finish();
}

/** Opens a component and lets it process a batch. */
async function runOnce(component: Uint8Array): Promise<void> {
  await withFile(component, 'guest.wasm', async (path) => {
    const cell = await openOperator(path, SCHEMA, { callLimitMs: 100, memoryLimitBytes: 16 * 1024 * 1024 });
    try {
      cell.process(0, rows(), () => undefined);
      cell.onWatermark(1n, () => undefined);
      cell.onEnd(() => undefined);
    } finally {
      cell.close();
    }
  });
}

describe('a damaged file', () => {
  let component: Uint8Array;
  let cell: Uint8Array;

  beforeAll(async () => {
    component = await guestComponent();
    cell = await prepareComponent(component, 'guest.wasm');
  });

  test('cut off anywhere is refused, as a component and as a prepared file', async () => {
    for (let length = 0; length < component.length; length += length < 64 ? 1 : 7) {
      expect(await codeOf(() => prepare(component.subarray(0, length)))).not.toBe('fine');
    }
    for (let length = 0; length < cell.length; length++) {
      expect(await codeOf(() => prepare(cell.subarray(0, length)))).not.toBe('fine');
    }
  });

  test('with any flipped bit is refused as a prepared file', async () => {
    for (let bit = 0; bit < cell.length * 8; bit += 3) {
      expect(() => decodePrepared(flipped(cell, bit), 'guest.cell')).toThrow(/damaged/);
    }
  });

  test('with a flipped bit is refused or runs within its limits as a component', async () => {
    const random = randomOf(20261124);
    const seen = new Map<string, number>();
    for (let round = 0; round < 2000; round++) {
      const bit = Math.floor(random() * component.length * 8);
      const code = await codeOf(() => runOnce(flipped(component, bit)));
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }
    // Most of the file matters: a flip that nobody notices lies in a name, a message or an unused constant.
    expect(seen.get('component.malformed') ?? 0).toBeGreaterThan(200);
    expect(seen.get('component.wrong-world') ?? 0).toBeGreaterThan(50);
    expect(seen.get('fine') ?? 0).toBeLessThan(1000);
  });
});

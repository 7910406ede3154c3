import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { arrow, arrowStream } from '../connectors/formats/arrow/arrow.ts';
import type { Schema } from '../engine/batch/types.ts';
import { type IntegrationJson, type Plain, parseIntegrationJson, rowsOfJson } from './arrow-conformance-json.ts';
import { rowsOfBatch } from './arrow-conformance-values.ts';
import { memoryInput, requestFor } from './kit/memory-input.ts';
import { hasSharedData, sharedData } from './kit/shared-data.ts';

/** Goldens that are refused by name, with what the message must say. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'cpp-21.0.0/generated_run_end_encoded': /of Arrow type run_end_encoded, which cannot be read/,
};

interface Reading {
  readonly schema: Schema;
  readonly rows: Plain[][];
}

async function read(format: typeof arrow, name: string, bytes: Uint8Array, random: boolean): Promise<Reading> {
  const { schema } = await format.infer(memoryInput(name, bytes, { random }), {});
  const reader = await format.openReader(memoryInput(name, bytes, { random }), requestFor(schema), {});
  const rows: Plain[][] = [];
  for (let batch = await reader.next(); batch !== undefined; batch = await reader.next())
    rows.push(...rowsOfBatch(batch));
  await reader.close();
  return { schema, rows };
}

/** Reads, writes every batch to `target`, and gives back the bytes written. */
async function copy(bytes: Uint8Array, target: typeof arrow, codec: 'none' | 'lz4' | 'zstd'): Promise<Uint8Array> {
  const { schema } = await arrow.infer(memoryInput('golden', bytes), {});
  const reader = await arrow.openReader(memoryInput('golden', bytes), requestFor(schema), {});
  const pieces: Uint8Array[] = [];
  const writer = await target.openWriter(schema, { codec }, (piece) => pieces.push(new Uint8Array(piece)));
  for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) writer.write(batch);
  writer.finish();
  await reader.close();
  return new Uint8Array(Buffer.concat(pieces));
}

/** All that is there but the big-endian set, which is refused as a whole. */
const goldens = hasSharedData()
  ? readdirSync(sharedData('conformance/arrow-ipc'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.json.gz') && !path.includes('bigendian'))
      .map((path) => path.slice(0, -'.json.gz'.length))
      .sort()
  : [];

describe.skipIf(!hasSharedData())('golden Arrow files (shared inputs)', () => {
  describe.each(goldens)('%s', (golden) => {
    const at = (extension: string) => readFileSync(sharedData(`conformance/arrow-ipc/${golden}.${extension}`));
    const json = (): IntegrationJson => parseIntegrationJson(gunzipSync(at('json.gz')).toString());
    const refused = REFUSED[golden];
    if (refused !== undefined) {
      test('is refused, naming column and type', async () => {
        await expect(read(arrow, golden, at('arrow_file'), true)).rejects.toThrow(refused);
        await expect(read(arrowStream, golden, at('stream'), false)).rejects.toThrow(refused);
      });
      return;
    }

    test('file and stream hold the values of the JSON, whichever way they come', async () => {
      const expected = rowsOfJson(json());
      const names = json().schema.fields.map((field) => [field.name, field.nullable]);
      for (const random of [true, false]) {
        const file = await read(arrow, golden, at('arrow_file'), random);
        expect(file.schema.fields.map((field) => [field.name, field.nullable])).toEqual(names);
        expect(file.rows).toEqual(expected);
        expect((await read(arrowStream, golden, at('stream'), random)).rows).toEqual(expected);
      }
    });

    test.each([
      ['file', 'none', arrow],
      ['stream', 'none', arrowStream],
      ['file', 'lz4', arrow],
      ['stream', 'zstd', arrowStream],
    ] as const)('written again as %s (%s), it holds the same values', async (_, codec, target) => {
      const expected = rowsOfJson(json());
      const copied = await copy(at('arrow_file'), target, codec);
      const found = await read(target, golden, copied, true);
      expect(found.rows).toEqual(expected);
      const { schema } = await read(arrow, golden, at('arrow_file'), true);
      expect(found.schema.fields.map(({ metadata }) => metadata)).toEqual(
        schema.fields.map(({ metadata }) => metadata),
      );
    });
  });

  test('big-endian files are refused by name', async () => {
    const bytes = readFileSync(sharedData('conformance/arrow-ipc/1.0.0-bigendian/generated_primitive.arrow_file'));
    await expect(read(arrow, 'big', bytes, true)).rejects.toThrow(/big-endian/);
  });
});

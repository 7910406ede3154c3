/** The SDK by its example: built from source as a user would, and run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BatchBuilder } from '../../../../engine/batch/builder.ts';
import type { Schema, Value } from '../../../../engine/batch/types.ts';
import type { Emit } from '../../../../engine/cell/cell.ts';
import { componentize } from '../../../../engine/cell/component/componentize.ts';
import { describeComponent } from '../../../../engine/cell/component.ts';
import { errorOf, gather, NONE } from '../../../../test/kit/guest-calls.ts';
import { openOperator } from '../../../../test/kit/guests.ts';
import { compileAssembly } from '../../../../tools/wasm/operators.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'celsius', type: { kind: 'float32' }, nullable: true },
  ],
};

let directory: string;
let path: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudskin-sdk-'));
  path = join(directory, 'limit.wasm');
  const core = await compileAssembly('operators/sdk/assemblyscript/example/assembly/index.ts');
  if (core === undefined) throw new Error('the AssemblyScript compiler is not installed');
  await writeFile(path, await componentize(core, 'limit'));
});
afterAll(() => rm(directory, { recursive: true }));

function feed(cell: Awaited<ReturnType<typeof openOperator>>, rows: readonly (readonly Value[])[], emit: Emit): void {
  const builder = new BatchBuilder(SCHEMA);
  for (const row of rows) {
    for (const [index, value] of row.entries()) builder.columns[index]?.append(value);
    builder.endRow();
  }
  cell.process(0, builder.finish(), emit);
}

describe('an operator built with the AssemblyScript SDK', () => {
  test('declares its outputs, the time column of one included', async () => {
    const outputs = await describeComponent(path, {}, new Map([['', SCHEMA]]), '.');
    expect([...outputs.keys()]).toEqual(['', 'summary']);
    expect(outputs.get('summary')).toEqual({
      fields: [
        { name: 'minute', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
        { name: 'machine', type: { kind: 'utf8' }, nullable: false },
        { name: 'readings', type: { kind: 'int64' }, nullable: false },
      ],
      time: 0,
    });
  });

  test('reads text and numbers, writes text, numbers, bools and nulls, to several outputs', async () => {
    const said: string[] = [];
    const { emit, rows } = gather();
    const cell = await openOperator(path, SCHEMA, {
      config: { limit: 50 },
      onLog: ({ message }) => said.push(message),
    });
    feed(
      cell,
      [
        ['pump', 40],
        ['größer', 60.5],
        [null, 99],
        ['pump', 101],
      ],
      emit,
    );
    cell.onWatermark(30_000_000n, emit);
    feed(
      cell,
      [
        ['pump', null],
        ['ventil', 1],
      ],
      emit,
    );
    expect(rows.get(0)).toEqual([
      ['größer', 60.5, null],
      ['pump', 101, true],
    ]);
    expect(rows.get(1)).toBeUndefined();
    cell.onWatermark(60_000_000n, emit);
    expect(rows.get(1)).toEqual([
      [60_000_000n, 'pump', 2n],
      [60_000_000n, 'größer', 1n],
      [60_000_000n, 'ventil', 1n],
    ]);
    expect(said).toEqual(['summary of 3 machines']);
    cell.onEnd(emit);
    cell.close();
  });

  test('leaves out single rows', async () => {
    const { emit, rows } = gather();
    const cell = await openOperator(path, SCHEMA, { onError: 'divert', errors: true });
    feed(
      cell,
      [
        ['a', 90],
        ['b', -300],
        ['c', 91],
      ],
      emit,
    );
    expect(rows.get(0)).toEqual([
      ['a', 90, null],
      ['c', 91, null],
    ]);
    expect(rows.get(2)).toEqual([
      [0n, 'score', 'component.rejected-row', 'nothing is that cold', 'row 1, column celsius', null],
    ]);
    expect(cell.counters().errors).toBe(1);
    cell.close();
  });

  test('refuses what it does not take', async () => {
    const inputs = new Map([['', SCHEMA]]);
    const error = await errorOf(() => describeComponent(path, { limit: 'hot' }, inputs, '.'));
    expect(error.code).toBe('component.invalid-config');
    expect(error.message).toMatch(/limit must be a number from -273.15 to 5000$/);
    const other: Schema = { fields: [{ name: 'machine', type: { kind: 'int8' }, nullable: true }] };
    const schema = await errorOf(() => describeComponent(path, {}, new Map([['', other]]), '.'));
    expect(schema.code).toBe('component.invalid-schema');
    expect(schema.message).toMatch(/the input needs a utf8 column machine$/);
  });

  test('keeps its memory bounded over many batches of strings', async () => {
    const cell = await openOperator(path, SCHEMA, { config: { limit: 5000 } });
    for (let round = 0; round < 300; round++) {
      feed(
        cell,
        Array.from({ length: 1000 }, (_, row) => [`machine ${row}`, row % 50]),
        NONE,
      );
    }
    expect(cell.memory()).toBeLessThan(16 * 1024 * 1024);
    cell.close();
  });
});

import { beforeAll, describe, expect, it } from 'vitest';
import loadWabt from 'wabt';
import { chainOf, drive, type OperatorText } from '../../test/kit/chains.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import type { Batch } from '../batch/batch.ts';
import { copyBatch } from '../batch/reader.ts';
import type { DataType, Schema, Value } from '../batch/types.ts';
import { generate } from '../compile/codegen/generate.ts';
import type { CloudskinError } from '../errors.ts';
import { loadParser } from '../expression/check.ts';
import type { Cell } from './cell.ts';
import { type CompiledCellOptions, openCompiledCell, watText } from './compiled.ts';

beforeAll(loadParser);

const MICROS: DataType = { kind: 'timestamp', unit: 'us' };
const SCHEMA: Schema = {
  fields: [
    { name: 'at', type: MICROS, nullable: false },
    { name: 'key', type: { kind: 'int64' }, nullable: true },
    { name: 'name', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
  time: 0,
};

function open(operators: readonly OperatorText[], options: CompiledCellOptions = {}, schema: Schema = SCHEMA): Cell {
  return openCompiledCell(chainOf(schema, operators), options);
}

function thrownBy(run: () => unknown): CloudskinError {
  try {
    run();
  } catch (error) {
    return error as CloudskinError;
  }
  throw new Error('nothing was thrown');
}

/** Batches that a cell hands out, copied. */
function gather(): { readonly batches: Batch[]; readonly emit: (port: number, batch: Batch) => void } {
  const batches: Batch[] = [];
  return { batches, emit: (_port, batch) => void batches.push(copyBatch(batch)) };
}

const rows = (count: number, row: (index: number) => Value[]): Value[][] =>
  Array.from({ length: count }, (_, index) => row(index));

describe('a compiled cell', () => {
  it('hands out at most 65,536 rows at a time, of batches of any size', () => {
    const cell = open([{ select: { at: 'at', twice: 'value * 2' } }]);
    const { batches, emit } = gather();
    cell.process(
      0,
      build(
        SCHEMA,
        rows(150_000, (index) => [BigInt(index), null, null, index]),
      ),
      emit,
    );
    expect(Math.max(...batches.map((batch) => batch.rows))).toBeLessThanOrEqual(65_536);
    const all = batches.flatMap(rowsOf);
    expect(all.length).toBe(150_000);
    expect(all[149_999]).toEqual([149_999n, 299_998]);
  });

  it('yields all groups of a window that has more than one batch of them', () => {
    const cell = open([{ window: 1_000_000n, groupBy: { key: 'key', name: 'name' }, aggregate: { n: 'count(*)' } }]);
    const { batches, emit } = gather();
    cell.process(
      0,
      build(
        SCHEMA,
        rows(70_000, (index) => [0n, BigInt(index % 35_000), 'x', 1]),
      ),
      emit,
    );
    cell.process(
      0,
      build(
        SCHEMA,
        rows(70_000, (index) => [0n, BigInt(index % 35_000), `y${index % 5}`, 1]),
      ),
      emit,
    );
    cell.onWatermark(1_000_000n, emit);
    expect(batches.every((batch) => batch.rows <= 65_536)).toBe(true);
    const groups = batches.flatMap(rowsOf);
    expect(groups.length).toBe(70_000);
    expect(groups[0]).toEqual([0n, 1_000_000n, 0n, 'x', 2n]);
    expect(groups.at(-1)).toEqual([0n, 1_000_000n, 34_999n, 'y4', 2n]);
  });

  it('uses the memory of closed windows again', () => {
    const cell = open([
      { window: 1_000_000n, groupBy: { name: 'name' }, aggregate: { last: 'max(name)', n: 'count(*)' } },
    ]);
    const sizes: number[] = [];
    for (let window = 0; window < 60; window++) {
      const start = BigInt(window) * 1_000_000n;
      cell.process(
        0,
        build(
          SCHEMA,
          rows(2000, (index) => [start, 1n, `name ${window} ${index}`, 1]),
        ),
        () => {},
      );
      cell.onWatermark(start + 1_000_000n, () => {});
      sizes.push(cell.memory());
    }
    expect(sizes.at(-1)).toBe(sizes[4]);
  });

  it('stops with an error that names the operator when it would take more memory than it may', () => {
    const cell = open([{ window: 60_000_000n, groupBy: { key: 'key' }, aggregate: { n: 'count(*)' } }], {
      maxMemoryBytes: 16 * 1_048_576,
    });
    let next = 0;
    const error = thrownBy(() => {
      for (let batch = 0; batch < 200; batch++) {
        cell.process(
          0,
          build(
            SCHEMA,
            rows(10_000, () => [0n, BigInt(next++) * 7919n, null, 1]),
          ),
          () => {},
        );
      }
    });
    expect(error.code).toBe('cell.memory-limit');
    expect(error.message).toContain('op0');
    expect(error.message).toContain('16 MiB');
    expect(cell.memory()).toBeLessThanOrEqual(16 * 1_048_576);
  });

  it('takes fields of ten megabytes and puts them together', () => {
    const big = 'ä'.repeat(5_000_000);
    const cell = open([
      { filter: 'value > 0', select: { name: 'name', twice: "upper(substring(name, 1, 3)) || '!'" } },
    ]);
    const { batches, emit } = gather();
    cell.process(
      0,
      build(SCHEMA, [
        [0n, 1n, big, 1],
        [0n, 1n, 'b', 1],
        [0n, 1n, big, -1],
      ]),
      emit,
    );
    expect(batches.flatMap(rowsOf)).toEqual([
      [big, 'ÄÄÄ!'],
      ['b', 'B!'],
    ]);
  });

  it('runs through schemas of thousands of columns', () => {
    const fields = rows(3000, () => []).map((_, index) => {
      return { name: `c${index}`, type: { kind: index % 2 === 0 ? 'float64' : 'utf8' } as DataType, nullable: true };
    });
    const cell = open([{ filter: 'c0 > 1 AND c2998 IS NOT NULL' }], {}, { fields });
    const row = (first: number): Value[] => fields.map((_, index) => (index % 2 === 0 ? first + index : `t${index}`));
    const { batches, emit } = gather();
    cell.process(0, build({ fields }, [row(0), row(2), row(3)]), emit);
    expect(batches.flatMap(rowsOf)).toEqual([row(2), row(3)]);
  });

  it('answers times at the ends of int64 with an error, not with a trap', () => {
    const times = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n - 500_000n, 0n];
    const cell = open([{ window: 1_000_000n, aggregate: { n: 'count(*)' }, onError: 'skip' }]);
    const batch = build(
      SCHEMA,
      times.map((time) => [time, 1n, null, 1]),
    );
    const outcome = drive(cell, [{ batch }, { watermark: 2n ** 63n - 1n }, 'end']);
    expect(outcome.rows[0]).toEqual([[0n, 1_000_000n, 1n]]);
    expect(outcome.errors).toBe(3);
  });

  it('says under onError: fail which expression failed on which row', () => {
    const cell = open([{ select: { at: 'at', inverse: '1 / (key - 2)' } }]);
    const batch = build(SCHEMA, [
      [0n, 1n, null, 1],
      [5n, 2n, 'x', 1.5],
    ]);
    const error = thrownBy(() => cell.process(0, batch, () => {}));
    expect(error.code).toBe('expression.division-by-zero');
    expect(error.domain).toBe('user');
    expect(error.message).toBe(
      'operator op0: division by zero in "1 / (key - 2)" at row 2 (at="1970-01-01 00:00:00.000005", key=2, name="x", value=1.5)',
    );
  });

  it('leaves the error of a receiver as it is', () => {
    const cell = open([{ filter: 'value > 0' }]);
    const receive = () => {
      throw new RangeError('the sink is full');
    };
    expect(() => cell.process(0, build(SCHEMA, [[0n, 1n, null, 1]]), receive)).toThrow('the sink is full');
  });

  it('tells the code that runs as text, which assembles to the same module', async () => {
    const plan = chainOf(SCHEMA, [
      { filter: "value BETWEEN 1 AND 5 AND name LIKE 'a%'", select: { at: 'at', key: 'key', v: 'value * 2 + key' } },
      { window: 1_000_000n, groupBy: { key: 'key' }, aggregate: { n: 'count(*)', s: 'sum(v)', m: 'max(v)' } },
      { having: 'n > 1' },
    ]);
    const wabt = await loadWabt();
    const assembled = wabt.parseWat('cell.wat', watText(plan)).toBinary({}).buffer;
    const ours = generate(plan).module.encode();
    expect(Buffer.from(ours.subarray(0, assembled.length)).equals(assembled)).toBe(true);
    expect(WebAssembly.Module.customSections(new WebAssembly.Module(ours), 'name').length).toBe(1);
  });
});

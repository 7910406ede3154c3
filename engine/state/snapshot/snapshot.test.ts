/** Snapshots of cells as files: what goes in comes out, and what was changed, cut off, or is of something else is refused. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goldenSnapshot } from '../../../test/kit/golden-checkpoint.ts';
import { rowsOf } from '../../../test/kit/tables.ts';
import { PAGE } from '../checkpoint/pages.ts';
import type { FragmentSnapshot } from '../checkpoint/state.ts';
import { mustFit } from './fit.ts';
import { type CellSnapshotFile, LEAD } from './format.ts';
import { readFrame, readSnapshot } from './read.ts';
import { type WriteOptions, writeSnapshot } from './write.ts';

const MODULE = 'a'.repeat(64);
const ORIGIN = { namespace: 'plant', app: 'machine-health', region: 'all', cell: 'c', epoch: 7, revision: 3 };
const AT = { checkpoint: 12, taken: 1_700_000_000_000, beside: [] };

function fragmentOf(fragment: string, memory: Uint8Array, module = MODULE): FragmentSnapshot {
  const image = { module, memory, globals: new Map([['heap', 8n]]), host: { rows: 3, watermark: null } };
  return { ...goldenSnapshot(1), fragment, cells: new Map([['c', { image, watermark: 5n }]]) };
}

function fileOf(...memories: readonly Uint8Array[]): CellSnapshotFile {
  const fragments = memories.map((memory, index) => fragmentOf(`f${index}`, memory));
  return { ...ORIGIN, ...AT, fragments };
}

async function bytesOf(file: CellSnapshotFile, options?: WriteOptions): Promise<Buffer> {
  return Buffer.concat(await writeSnapshot(file, options));
}

/** All but the cells. */
function placesOf({ cells: _, sinks, ...rest }: FragmentSnapshot): object {
  const held = [...sinks].map(([name, { prepared, frozen }]) => [name, prepared, Buffer.concat(frozen).toString()]);
  return { ...rest, held };
}

/** Memories of few pages: zeros, noise, and what compresses; the last page may be cut off. */
const memory = fc
  .array(fc.tuple(fc.constantFrom('zeros', 'noise', 'text'), fc.nat(255)), { maxLength: 12 })
  .chain((pages) => fc.tuple(fc.constant(pages), fc.nat(PAGE - 1)))
  .map(([pages, cut]) => {
    const bytes = Buffer.alloc(pages.length * PAGE);
    for (const [index, [kind, fill]] of pages.entries()) {
      if (kind === 'noise') randomBytes(PAGE).copy(bytes, index * PAGE);
      if (kind === 'text') bytes.fill(fill, index * PAGE, index * PAGE + 100);
    }
    return bytes.subarray(0, Math.max(0, bytes.length - cut));
  });

const code = (error: unknown): string => (error as { readonly code?: string }).code ?? String(error);

describe('a snapshot of a cell', () => {
  it('comes back as it was: memories of all partitions, globals, positions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(memory, { minLength: 1, maxLength: 3 }), fc.boolean(), async (memories, sealed) => {
        const key = sealed ? { key: randomBytes(32) } : {};
        const file = fileOf(...memories);
        const { fragments } = await readSnapshot(await bytesOf(file, key), { name: 'a', ...key });
        expect(fragments.map(placesOf)).toEqual(file.fragments.map(placesOf));
        for (const [index, { cells }] of fragments.entries()) {
          const image = cells.get('c')?.image;
          expect(Buffer.compare(image?.memory ?? randomBytes(1), memories[index] ?? randomBytes(1))).toBe(0);
          expect([image?.module, image?.globals, image?.host]).toEqual([
            MODULE,
            new Map([['heap', 8n]]),
            { rows: 3, watermark: null },
          ]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('keeps pages of zeros nowhere, and what does not matter of the memory neither', async () => {
    const bytes = randomBytes(8 * PAGE);
    bytes.fill(0, 0, 4 * PAGE);
    const fragment = fragmentOf('f', bytes);
    const ranges: readonly (readonly [number, number])[] = [[0, 5 * PAGE + 1]];
    const image = { module: MODULE, memory: bytes, ranges, globals: new Map(), host: null };
    const file = { ...fileOf(), fragments: [{ ...fragment, cells: new Map([['c', { image }]]) }] };
    const opened = await readSnapshot(await bytesOf(file), { name: 'a' });
    expect(opened.head.images.f).toEqual({ module: MODULE, length: 8 * PAGE, zeros: 6, here: 2, inBase: 0 });
    const back = Buffer.from(opened.fragments[0]?.cells.get('c')?.image?.memory ?? []);
    expect(back.equals(Buffer.concat([bytes.subarray(0, 6 * PAGE), Buffer.alloc(2 * PAGE)]))).toBe(true);
  });

  it('packs pages where that gains, and only there', async () => {
    const noise = await bytesOf(fileOf(randomBytes(64 * PAGE)));
    const text = await bytesOf(fileOf(Buffer.alloc(64 * PAGE, 'the same again ')));
    expect(noise.length).toBeGreaterThan(64 * PAGE);
    expect(text.length).toBeLessThan(2 * PAGE);
    expect((await readFrame(noise, { name: 'a' })).head.sections.map(({ kind, codec }) => [kind, codec])).toEqual([
      ['state', 'zstd'],
      ['pages', 'none'],
    ]);
  });

  it('as a difference holds the changed pages, and comes back with the snapshot that it is a difference of', async () => {
    await fc.assert(
      fc.asyncProperty(memory, memory, async (before, after) => {
        const base = await readSnapshot(await bytesOf(fileOf(before)), { name: 'a' });
        const changed = Buffer.concat([before.subarray(0, before.length >> 1), after]);
        const opened = await readSnapshot(await bytesOf(fileOf(changed), { base }), { name: 'b', base });
        expect(Buffer.from(opened.fragments[0]?.cells.get('c')?.image?.memory ?? []).equals(changed)).toBe(true);
      }),
      { numRuns: 40 },
    );
    const whole = randomBytes(100 * PAGE);
    const base = await readSnapshot(await bytesOf(fileOf(whole)), { name: 'a' });
    const changed = Buffer.from(whole);
    changed.fill(1, 50 * PAGE, 51 * PAGE);
    const difference = await bytesOf(fileOf(changed), { base });
    expect(difference.length).toBeLessThan(0.03 * whole.length);
    await expect(readSnapshot(difference, { name: 'b' })).rejects.toMatchObject({ code: 'snapshot.base' });
    const other = await readSnapshot(await bytesOf(fileOf(randomBytes(100 * PAGE))), { name: 'c' });
    await expect(readSnapshot(difference, { name: 'b', base: other })).rejects.toMatchObject({ code: 'snapshot.base' });
  });

  it('is no difference where the code is another', async () => {
    const memory = randomBytes(4 * PAGE);
    const base = await readSnapshot(await bytesOf(fileOf(memory)), { name: 'a' });
    const other = { ...fileOf(), fragments: [fragmentOf('f0', memory, 'b'.repeat(64))] };
    expect((await readSnapshot(await bytesOf(other, { base }), { name: 'b' })).head.base).toBeUndefined();
  });

  it('keeps the logical form', async () => {
    const golden = goldenSnapshot(1);
    const file = {
      ...ORIGIN,
      ...AT,
      cell: 'score',
      fragments: [{ ...golden, cells: new Map([['score', golden.cells.get('score') ?? {}]]) }],
    };
    const { fragments } = await readSnapshot(await bytesOf(file), { name: 'a' });
    const rows = (from: FragmentSnapshot | undefined) =>
      from?.cells.get('score')?.logical?.flatMap(({ batches }) => batches.flatMap(rowsOf));
    expect(rows(fragments[0])).toEqual(rows(golden));
    expect(rows(golden)).toHaveLength(2);
  });
});

describe('a file', () => {
  const small = Buffer.alloc(2 * PAGE);
  small.write('not much');

  it('that has one bit flipped, whichever, is refused', async () => {
    const bytes = await bytesOf(fileOf(small));
    const codes = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      codes.add(await readSnapshot(flipped, { name: 'a' }).then(() => `taken at ${at}`, code));
    }
    expect([...codes]).toEqual(['snapshot.damaged']);
  }, 20_000);

  it('that is sealed, too, and never as one that was not', async () => {
    const key = randomBytes(32);
    const bytes = await bytesOf(fileOf(small), { key });
    const codes = new Set<string>();
    for (let at = 0; at < bytes.length; at += at < 40 ? 1 : 7) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      codes.add(await readSnapshot(flipped, { name: 'a', key }).then(() => `taken at ${at}`, code));
    }
    expect([...codes].sort()).toEqual(['snapshot.damaged', 'state.wrong-key']);
    await expect(readSnapshot(bytes, { name: 'a' })).rejects.toMatchObject({ code: 'snapshot.sealed' });
    await expect(readSnapshot(bytes, { name: 'a', key: randomBytes(32) })).rejects.toMatchObject({
      code: 'state.wrong-key',
    });
  });

  it('that is cut off, or goes on, is refused', async () => {
    const bytes = await bytesOf(fileOf(small));
    const codes = new Set<string>();
    for (let end = 0; end < bytes.length; end++)
      codes.add(await readSnapshot(bytes.subarray(0, end), { name: 'a' }).then(() => `taken to ${end}`, code));
    codes.add(await readSnapshot(Buffer.concat([bytes, Buffer.alloc(1)]), { name: 'a' }).then(() => 'taken', code));
    expect([...codes]).toEqual(['snapshot.damaged']);
  }, 20_000);

  it('that was changed and given the right checksum again is refused as damaged, or is what it says', async () => {
    const { createHash } = await import('node:crypto');
    const bytes = await bytesOf(fileOf(small));
    const codes = new Set<string>();
    const take = async (changed: Buffer): Promise<void> => {
      const signed = Buffer.concat([changed, createHash('sha256').update(changed).digest()]);
      codes.add(await readSnapshot(signed, { name: 'a' }).then(() => 'taken', code));
    };
    for (let at = 0; at < bytes.length - 32; at++) {
      const changed = Buffer.from(bytes.subarray(0, -32));
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      await take(changed);
    }
    const heads = [
      'null',
      '1',
      '[]',
      '{}',
      '{"sections":7}',
      '{"sections":[null]}',
      '{"sections":[{"kind":"state","codec":"none","bytes":1e9,"plain":-1}],"images":{}}',
    ];
    for (const head of heads) {
      const lead = Buffer.alloc(LEAD);
      lead.write('CSNP');
      lead.writeUInt32LE(1, 4);
      lead.writeUInt32LE(head.length, 8);
      await take(Buffer.concat([lead, Buffer.from(head)]));
    }
    expect([...codes].sort()).toEqual(['snapshot.damaged', 'snapshot.newer', 'taken']);
  }, 20_000);

  it('of a newer format says so', async () => {
    const { createHash } = await import('node:crypto');
    const bytes = Buffer.from((await bytesOf(fileOf(small))).subarray(0, -32));
    bytes.writeUInt32LE(2, LEAD - 8);
    const signed = Buffer.concat([bytes, createHash('sha256').update(bytes).digest()]);
    await expect(readSnapshot(signed, { name: 'a' })).rejects.toMatchObject({ code: 'snapshot.newer' });
  });
});

describe('a snapshot fits', () => {
  const input = { fields: [{ name: 'a', type: { kind: 'int64' as const }, nullable: true }] };
  const fragment = fragmentOf('f', new Uint8Array(PAGE));
  const planned = { ...fragment, cells: new Map([['c', { ...fragment.cells.get('c'), plan: { name: 'c', input } }]]) };
  const file = { ...ORIGIN, ...AT, fragments: [fragment] };

  it('where cell, columns and module are the same, and nothing has gone on', () => {
    const target = {
      namespace: 'plant',
      app: 'machine-health',
      cell: 'c',
      module: MODULE,
      inputs: [input],
      epoch: 7,
      checkpoint: 12,
    };
    expect(() => mustFit({ ...file, fragments: [planned] }, target)).not.toThrow();
  });

  it.each([
    ['another cell', { cell: 'd' }, 'snapshot.other-cell'],
    ['another app', { app: 'shop' }, 'snapshot.other-cell'],
    ['a later epoch', { epoch: 8 }, 'snapshot.rolled-back'],
    ['a later checkpoint', { epoch: 7, checkpoint: 13 }, 'snapshot.rolled-back'],
    ['other code, and nothing converts it', { module: 'b'.repeat(64) }, 'snapshot.foreign-module'],
  ])('not %s', (_, target, expected) => {
    expect(() => mustFit(file, target)).toThrow(expect.objectContaining({ code: expected }));
  });

  it('not what reads other columns', () => {
    const other = { fields: [{ name: 'a', type: { kind: 'float64' as const }, nullable: true }] };
    expect(() => mustFit({ ...file, fragments: [planned] }, { inputs: [other] })).toThrow(
      expect.objectContaining({ code: 'snapshot.other-schema' }),
    );
  });

  it('other code where the plan of the former cell is there, which exports the logical form', () => {
    expect(() => mustFit({ ...file, fragments: [planned] }, { module: 'b'.repeat(64) })).not.toThrow();
  });
});

/** A source that cannot replay, journaled: what it was told is safe comes out once, whatever is lost in between. */
import { describe, expect, it } from 'vitest';
import { planFor, runThrough } from '../../../test/kit/crashes.ts';
import { Ledger } from '../../../test/kit/ledger.ts';
import type { Row } from '../../../test/kit/memory-connector.ts';
import { build } from '../../../test/kit/tables.ts';
import type { Schema } from '../../batch/types.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import type { MemoryLog } from '../../state/log/memory.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
};

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: journal }
spec:
  sources:
    readings: { ledger: {}, schema: { machine: utf8, value: float64 }, onError: divert }
  operators:
    some: { from: readings, filter: "value >= 0" }
  sinks:
    out: { from: some, ledger: {} }
    bad: { from: readings.errors, ledger: {} }
`;

async function planOf(ledger: Ledger, journal: boolean): Promise<FragmentPlan> {
  const plan = await planFor(GRAPH, ledger);
  return { ...plan, sources: plan.sources.map((source) => (journal ? { ...source, journal: true } : source)) };
}

const rows = Array.from({ length: 100 }, (_, row): Row => [`m${row % 3}`, row]);

function broker(): Ledger {
  return new Ledger({ readings: { partitions: [build(SCHEMA, rows)], rows: 7, broker: true, badEvery: 3 } });
}

const crashes = [
  { at: 0, committed: false, further: 2 },
  { at: 2, committed: true, further: 1 },
  { at: 1, committed: false, further: 3 },
  { at: 2, committed: true },
];

/** Bad rows by their place, without the time at which they were seen. */
const bad = (ledger: Ledger): unknown[] => ledger.rows('bad').map((row) => row[4]);

describe('a journaled source', () => {
  it('loses and repeats nothing, bad rows included', async () => {
    const ledger = broker();
    const journals = new Map<string, MemoryLog>();
    expect(await runThrough(await planOf(ledger, true), ledger, crashes, ['compiled'], journals)).toBe(4);
    expect(ledger.rows('out')).toEqual(rows);
    expect(bad(ledger)).toEqual([0, 3, 6, 9, 12].map((batch) => `readings/0:${batch}`));
  });

  it('is trimmed as checkpoints complete, but for what the last ones may need', async () => {
    const ledger = broker();
    const journals = new Map<string, MemoryLog>();
    const many = Array.from({ length: 6 }, () => ({ at: 2, committed: true }));
    await runThrough(await planOf(ledger, true), ledger, many, ['compiled'], journals);
    const [log] = journals.values();
    expect(log?.first).toBeGreaterThan(1);
    expect(ledger.rows('out')).toEqual(rows);
  });

  it('says so where the journal does not reach as far as the checkpoint', async () => {
    const ledger = broker();
    const plan = await planOf(ledger, true);
    const forgetful = new (class extends Map<string, MemoryLog> {
      override get(): undefined {
        return undefined;
      }
    })();
    const running = runThrough(plan, ledger, [{ at: 6, committed: true }], ['compiled'], forgetful);
    await expect(running).rejects.toMatchObject({ code: 'journal.lost' });
  });

  it('loses rows that it was told were safe, without a journal', async () => {
    const ledger = broker();
    await runThrough(await planOf(ledger, false), ledger, crashes);
    expect(ledger.rows('out').length).toBeLessThan(rows.length);
  });

  it('is no more than the source itself where there is nothing to write to', async () => {
    const ledger = broker();
    await runThrough(await planOf(ledger, true), ledger, []);
    expect(ledger.rows('out')).toEqual(rows);
  });
});

/** What a source remembers is kept with its rows, however short the journal is kept and whenever it breaks off. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { build } from '../../../test/kit/tables.ts';
import type { Schema } from '../../batch/types.ts';
import type { SourceMemory, SourcePartition } from '../../graph/connector.ts';
import type { Json } from '../../json.ts';
import { realPorts } from '../../ports.ts';
import { MemoryLog } from '../../state/log/memory.ts';
import { Control } from '../control.ts';
import { Journal } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';

const SCHEMA: Schema = { fields: [{ name: 'text', type: { kind: 'utf8' }, nullable: true }] };
const LARGE = 'x'.repeat(100_000);

/** Remembers the last five notes. */
class LastFive implements SourceMemory {
  notes: Json[] = [];

  add(note: Json): void {
    this.notes = (Array.isArray(note) ? note : [...this.notes, note]).slice(-5);
  }

  all(): Json {
    return [...this.notes];
  }
}

interface Opened {
  readonly writer: JournalWriter;
  readonly memory: LastFive;
  readonly control: Control;
}

async function open(log: MemoryLog): Promise<Opened> {
  const memory = new LastFive();
  const control = new Control(realPorts);
  return { writer: await JournalWriter.open(log, SCHEMA, memory, control), memory, control };
}

const rows = (text: string) => build(SCHEMA, [[text]]);
const none = () => [];

describe('a journal', () => {
  it('has its notes again after a crash, those of one moment in one record', async () => {
    const log = new MemoryLog({ maxBytes: 1 << 20 });
    const { writer } = await open(log);
    await writer.write(rows('a'), none, [1, 2]);
    await Promise.all([writer.keep(3), writer.keep(4)]);
    expect(log.next).toBe(3);
    log.crash();
    expect((await open(log)).memory.notes).toEqual([1, 2, 3, 4]);
  });

  it('knows nothing of what did not become safe, and says so to who waits', async () => {
    const log = new MemoryLog({ maxBytes: 1 << 20 });
    const { writer, memory } = await open(log);
    log.broken = new Error('no disk');
    const kept = writer.keep('kept');
    await expect(writer.write(rows('a'), none, ['noted'])).rejects.toThrow('no disk');
    await expect(kept).rejects.toThrow('no disk');
    expect(memory.notes).toEqual([]);
    log.broken = undefined;
    log.crash();
    expect((await open(log)).memory.notes).toEqual([]);
  });

  it('is as short as ever, though its notes are kept', async () => {
    const log = new MemoryLog({ maxBytes: 4 << 20 });
    const { writer } = await open(log);
    // far more than the log takes: it is shortened again and again
    for (let record = 0; record < 200; record++) {
      await writer.write(rows(LARGE), none, [record]);
      if (record % 10 === 9) await writer.shorten(log.next - 2);
    }
    expect(log.bytes).toBeLessThan(3 << 20);
    log.crash();
    expect((await open(log)).memory.notes).toEqual([195, 196, 197, 198, 199]);
  });

  it('has room left for what it needs to be shortened, when it is full', async () => {
    const log = new MemoryLog({ maxBytes: 2 << 20 });
    const { writer } = await open(log);
    let written = 0;
    const writing = (async () => {
      for (; written < 60; written++) await writer.write(rows(LARGE), none, [`${written}`.padEnd(10_000)]);
    })();
    // it waits for room until a checkpoint is complete
    await expect.poll(() => log.bytes).toBeGreaterThan(1_700_000);
    while (written < 60) {
      await realPorts.turn();
      await writer.shorten(log.next);
    }
    await writing;
    log.crash();
    expect((await open(log)).memory.notes.map((note) => Number(note))).toEqual([55, 56, 57, 58, 59]);
  });

  it('remembers the same whatever it goes through', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('write' as const),
        notes: fc.array(fc.integer(), { maxLength: 3 }),
        large: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('keep' as const), note: fc.integer() }),
      fc.record({ kind: fc.constant('shorten' as const) }),
      fc.record({ kind: fc.constant('crash' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const log = new MemoryLog({ maxBytes: 64 << 20 });
        let { writer, memory } = await open(log);
        let expected: Json[] = [];
        const noted = (...notes: readonly Json[]): void => {
          expected = [...expected, ...notes].slice(-5);
        };
        for (const one of steps) {
          if (one.kind === 'write') {
            await writer.write(rows(one.large ? LARGE.repeat(6) : 'a'), none, one.notes);
            noted(...one.notes);
          } else if (one.kind === 'keep') {
            await writer.keep(one.note);
            noted(one.note);
          } else if (one.kind === 'shorten') await writer.shorten(log.next);
          else {
            log.crash();
            ({ writer, memory } = await open(log));
          }
          expect(memory.notes).toEqual(expected);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('does not wait for room when it is closed', async () => {
    const log = new MemoryLog({ maxBytes: 150_000 });
    const { writer } = await open(log);
    await writer.write(rows(LARGE), none, []);
    const second = writer.write(rows(LARGE), none, ['b']);
    const kept = writer.keep('c');
    await writer.close();
    expect(await second).toBeUndefined();
    await expect(kept).rejects.toMatchObject({ code: expect.stringMatching(/^(journal.cut-off|log.closed)$/) });
  });

  it('tells nobody that what it had no room for is safe, when the run is cut off', async () => {
    const log = new MemoryLog({ maxBytes: 150_000 });
    const { writer, control } = await open(log);
    let given = 0;
    let acknowledged = 0;
    const inner: SourcePartition = {
      name: 'in',
      next: async () => rows(`${given++}${LARGE}`),
      acknowledge: () => {
        acknowledged = given;
      },
    };
    const journal = new Journal(inner, { writer, from: undefined, handOn: () => undefined, bad: () => 0 }, control);
    await journal.next();
    // the second does not fit
    await expect.poll(() => given).toBe(2);
    control.stop();
    control.cut.trip();
    expect(await journal.next()).toBeUndefined();
    expect(acknowledged).toBe(1);
  });
});

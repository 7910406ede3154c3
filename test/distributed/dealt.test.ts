/** A graph dealt to threads at random gives the rows that one thread gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hosts, on, runOn } from '../kit/dealt.ts';
import { type Choices, ledger, placedOn, planned, SINKS, sorted, whole } from '../kit/dealt-graph.ts';
import { MemoryCheckpoints } from '../kit/memory-checkpoints.ts';

/** First halves of aggregates had read from one source and not from the other; then there are none. */
const HALVES_THAT_ARE_NO_MORE: [before: Choices, after: Choices, at: number] = [
  [on(0, 1), on(1, 3, 0), on(3, 0, 2), on(2, 0), on(1), on(1, 0, 3), on(1, 0, 3), on(0, 3)],
  [on(2, 3), on(3), on(1), on(3), on(0, 2, 3), on(2, 1, 0), on(0, 1), on(3, 2)],
  3,
];

/** Partitions of `both` had each read one of `readings`, at times of their own; then each reads all. */
const TIMES_OF_PARTS: [before: Choices, after: Choices, at: number] = [
  [on(0, 1), on(0), on(1, 0), on(0), on(0, 1), on(0), on(0), on(0)],
  [on(0), on(0), on(0), on(0), on(1, 0), on(1, 0), on(1, 3, 0), on(0)],
  12,
];

/** Of two first halves one is no more, and the whole is dealt as before. */
const ONE_HALF_IS_NO_MORE: [before: Choices, after: Choices, at: number] = [
  [on(2, 3), on(1, 3, 2), on(1, 0, 2), on(2), on(1), on(0, 1, 3), on(1, 3, 0), on(1)],
  [on(0), on(1, 2), on(1, 2), on(1), on(2, 0, 3), on(2, 1, 0), on(1), on(2, 3)],
  8,
];

/** A first half had ended with its only source; then it reads another one besides. */
const A_HALF_READS_MORE: [before: Choices, after: Choices, at: number] = [
  [on(2, 0), on(2, 3, 0), on(0), on(2), on(2), on(0), on(3, 2, 0), on(0, 1, 2)],
  [on(2, 0), on(2, 1), on(2, 1), on(0, 1, 2), on(3), on(2, 1, 0), on(0, 2, 3), on(0, 2)],
  18,
];

const anyHosts: fc.Arbitrary<Choices> = fc.array(hosts, { minLength: 8, maxLength: 8 });

describe('a graph that is dealt to threads', () => {
  it('gives the rows that it gives in one', async () => {
    const expected = await whole();
    expect((expected as unknown[][]).map((rows) => rows.length > 5)).toEqual(SINKS.map(() => true));
    await fc.assert(
      fc.asyncProperty(anyHosts, async (choices) => {
        const own = ledger();
        await runOn(placedOn(await planned(own), choices), own).run();
        expect(sorted(own)).toEqual(expected);
      }),
      { numRuns: 6, interruptAfterTimeLimit: 60_000 },
    );
  });

  it('gives them also when it goes on from a checkpoint on other threads, in other partitions', async () => {
    const expected = await whole();
    await fc.assert(
      fc.asyncProperty(anyHosts, anyHosts, fc.integer({ min: 1, max: 15 }), async (before, after, at) => {
        const own = ledger();
        const plan = await planned(own);
        const store = new MemoryCheckpoints();
        const first = runOn(placedOn(plan, before), own, store);
        let batches = 0;
        own.onBatch = () => {
          batches += 1;
          if (batches === at) first.stop();
        };
        await first.run();
        own.onBatch = () => undefined;
        await runOn(placedOn(plan, after), own, store).run();
        expect(sorted(own)).toEqual(expected);
      }),
      // Every former partition's cell is compiled to hand out its state, so that a run takes a second or two.
      {
        numRuns: 3,
        interruptAfterTimeLimit: 60_000,
        examples: [HALVES_THAT_ARE_NO_MORE, TIMES_OF_PARTS, ONE_HALF_IS_NO_MORE, A_HALF_READS_MORE],
      },
    );
  });
});

/** Whom a fragment of the old plan has to send something to. */
import { describe, expect, it } from 'vitest';
import { on } from '../../../test/kit/dealt.ts';
import { type Choices, ledger, placedOn, planned } from '../../../test/kit/dealt-graph.ts';
import { bequestsOf } from './bequests.ts';

const BEFORE: Choices = [on(0), on(0), on(0), on(1), on(1), on(1), on(1), on(1), on(1)];

describe('what a fragment bequeaths', () => {
  it('is nothing where everything stays in its thread', async () => {
    const plan = placedOn(await planned(ledger()), BEFORE);
    const bequests = bequestsOf(plan.fragments, plan.fragments, 2);
    expect([...bequests.keys()]).toEqual(plan.fragments.map(({ name }) => name));
    const cells = [...bequests.values()].flatMap(({ heirs }) => heirs.flatMap((heir) => heir.cells));
    expect(cells).toEqual([]);
  });

  it('names the cells that go to other threads, those whose image fits, and who waits for its channels', async () => {
    const plan = await planned(ledger());
    const before = placedOn(plan, BEFORE);
    const after = placedOn(
      plan,
      BEFORE.map((choice, index) => (index === 3 ? on(2) : index === 4 ? on(2, 3) : choice)),
    );
    const bequests = bequestsOf(before.fragments, after.fragments, 7);
    const heirs = [...bequests.values()].flatMap((bequest) => {
      expect(bequest.epoch).toBe(7);
      return bequest.heirs;
    });
    for (const { fragment, host } of heirs)
      expect(after.fragments.find(({ name }) => name === fragment)?.host).toEqual(host);
    const same = heirs.flatMap((heir) => heir.same);
    const dealt = heirs.flatMap((heir) => heir.cells.filter((cell) => !heir.same.includes(cell)));
    expect(same.length).toBeGreaterThan(0);
    expect(dealt.length).toBeGreaterThan(1);
    expect(heirs.some(({ cells }) => cells.length === 0)).toBe(true);
  });
});

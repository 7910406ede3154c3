/** Which messages are known again, by the rules of MQTT 5, sections 4.3.2 and 4.3.3, and by what is seen of a broker. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deliveries, type Delivery, printOf, WINDOW } from './deliveries.ts';

const message = (id: number, content = `${id}`, qos = 2, session = 0): Delivery => {
  return { session, id, qos, print: printOf('t', new TextEncoder().encode(content)) };
};

function take(deliveries: Deliveries, delivery: Delivery, rows?: number): void {
  deliveries.add(deliveries.takenNote(delivery, rows));
}

/** Takes messages of QoS 1 with these identifiers. */
function taken(identifiers: Iterable<number>): Deliveries {
  const deliveries = new Deliveries();
  for (const id of identifiers) take(deliveries, message(id, `${id}`, 1));
  return deliveries;
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe('deliveries of QoS 2', () => {
  it('are known until they are released, and only where they are repeated', () => {
    const deliveries = new Deliveries();
    take(deliveries, message(7));
    expect(deliveries.find(message(7), true)).toBeDefined();
    // a first delivery under the number of one that was not released: the broker has forgotten that one
    expect(deliveries.find(message(7), false)).toBeUndefined();
    expect(deliveries.find(message(8), true)).toBeUndefined();
    expect(deliveries.holds(7)).toBe(true);
    deliveries.add(deliveries.releasedNote(7));
    expect(deliveries.holds(7)).toBe(false);
    expect(deliveries.find(message(7), true)).toBeUndefined();
  });

  it('are other ones where the number is the same and the content is not: the broker went back', () => {
    const deliveries = new Deliveries();
    take(deliveries, message(7, 'a'));
    expect(deliveries.find(message(7, 'b'), true)).toBeUndefined();
  });

  it('mean nothing in another session, nor do those that were still waiting when theirs was lost', () => {
    const deliveries = new Deliveries();
    take(deliveries, message(7));
    deliveries.add(deliveries.subscribedNote('t'));
    deliveries.add(deliveries.newSessionNote());
    take(deliveries, message(8));
    expect([deliveries.session, deliveries.subscribed]).toEqual([1, '']);
    expect(deliveries.find(message(7), true)).toBeUndefined();
    expect(deliveries.find(message(8), true)).toBeUndefined();
    take(deliveries, message(8, '8', 2, 1));
    expect(deliveries.find(message(8), true)).toBeDefined();
  });

  it('are known in part where not all rows were taken', () => {
    const deliveries = new Deliveries();
    take(deliveries, message(7, '7', 1), 5);
    expect(deliveries.find(message(7), true)?.rows).toBe(5);
    take(deliveries, message(7, '7', 1), 9);
    expect(deliveries.find(message(7), true)?.rows).toBe(9);
  });
});

describe('deliveries of QoS 1', () => {
  /** As `taken`, and when these have come lower ones are known to be free. */
  function freed(identifiers: readonly number[], more: readonly number[]): Deliveries {
    const deliveries = taken(identifiers);
    deliveries.add(deliveries.barrierNote(identifiers.at(-1) ?? 0));
    for (const id of more) take(deliveries, message(id, `${id}`, 1));
    return deliveries;
  }

  it('are not known again as long as the broker may give numbers again at once', () => {
    expect(taken(numbers(1, 100)).find(message(50), true)).toBeUndefined();
    expect(freed([1, 2, 3], []).find(message(3), true)).toBeUndefined();
    expect(freed([1, 2, 3], [1, 2]).find(message(2), true)).toBeUndefined();
    // it went on once, and then did not
    expect(freed([1, 2, 3], [4, 5, 1, 2]).find(message(2), true)).toBeUndefined();
  });

  it('are known again once it has numbered one on from the last, though others were free, over the end of numbers, too', () => {
    expect(freed([1, 2, 3], [4]).find(message(2), true)).toBeDefined();
    expect(freed([65_534, 65_535], [1]).find(message(65_535), true)).toBeDefined();
  });

  it('say nothing of how it numbers where they had come before others were free', () => {
    const deliveries = taken([1]);
    deliveries.add(deliveries.barrierNote(4));
    for (const id of [2, 3, 4]) take(deliveries, message(id, `${id}`, 1));
    expect(deliveries.goesOn).toBe(false);
    take(deliveries, message(5, '5', 1));
    expect(deliveries.goesOn).toBe(true);
  });

  it('are forgotten once so many came behind them that they must have been confirmed', () => {
    const deliveries = freed([1], numbers(2, 2 * WINDOW + 1));
    expect(deliveries.find(message(WINDOW + 1), true)).toBeDefined();
    expect(deliveries.find(message(WINDOW), true)).toBeUndefined();
  });
});

it('one note says as much as all', () => {
  const anyNote = fc.record({
    kind: fc.constantFrom('take', 'part', 'release', 'barrier', 'session', 'subscribe'),
    id: fc.integer({ min: 1, max: 6 }),
    qos: fc.constantFrom(1, 2),
  });
  fc.assert(
    fc.property(fc.array(anyNote, { maxLength: 60 }), fc.array(anyNote, { maxLength: 5 }), (notes, before) => {
      const apply = (deliveries: Deliveries, list: typeof notes): Deliveries => {
        for (const { kind, id, qos } of list) {
          const one = message(id, 'x', qos, deliveries.session);
          if (kind === 'take') take(deliveries, one);
          else if (kind === 'part') take(deliveries, one, 3);
          else if (kind === 'release') deliveries.add(deliveries.releasedNote(id));
          else if (kind === 'barrier') deliveries.add(deliveries.barrierNote(id));
          else if (kind === 'session') deliveries.add(deliveries.newSessionNote());
          else deliveries.add(deliveries.subscribedNote('t'));
        }
        return deliveries;
      };
      const deliveries = apply(new Deliveries(), notes);
      const other = apply(new Deliveries(), before);
      other.add(JSON.parse(JSON.stringify(deliveries.all())));
      expect(other.all()).toEqual(deliveries.all());
    }),
  );
});

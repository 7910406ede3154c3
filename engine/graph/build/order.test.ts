import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderOperators } from './order.ts';

const graph = fc
  .integer({ min: 0, max: 12 })
  .chain((size) =>
    fc.array(fc.uniqueArray(fc.nat(Math.max(size - 1, 0)), { maxLength: 3 }), { minLength: size, maxLength: size }),
  );

function toInputs(edges: readonly (readonly number[])[]): Map<string, string[]> {
  return new Map(edges.map((reads, index) => [`n${index}`, reads.map((each) => `n${each}`)]));
}

describe('the order of operators', () => {
  it('puts each behind what it reads, and leaves out what is in or behind a cycle', () => {
    fc.assert(
      fc.property(graph, (edges) => {
        const inputs = toInputs(edges);
        const { sorted, cycles } = orderOperators(inputs);
        for (const [at, name] of sorted.entries()) {
          for (const read of inputs.get(name) ?? []) expect(sorted.slice(0, at)).toContain(read);
        }
        expect(sorted.length === inputs.size).toBe(cycles.length === 0);
        expect(new Set(sorted).size).toBe(sorted.length);
      }),
    );
  });

  it('finds a cycle for every operator that is in one, along the flow', () => {
    fc.assert(
      fc.property(graph, (edges) => {
        const inputs = toInputs(edges);
        const { cycles } = orderOperators(inputs);
        for (const cycle of cycles) {
          for (const [at, name] of cycle.entries()) {
            const before = cycle[(at + cycle.length - 1) % cycle.length];
            expect(inputs.get(name)).toContain(before);
          }
        }
        const inCycles = new Set(cycles.flat());
        for (const name of inputs.keys()) expect(inCycles.has(name)).toBe(reaches(inputs, name, name));
      }),
    );
  });

  it('takes long chains without recursion', () => {
    const chain = new Map(Array.from({ length: 20_000 }, (_, at) => [`n${at}`, at === 0 ? [] : [`n${at - 1}`]]));
    expect(orderOperators(chain).sorted.length).toBe(20_000);
  });
});

function reaches(inputs: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const open = [...(inputs.get(from) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(inputs.get(name) ?? []));
  }
  return false;
}

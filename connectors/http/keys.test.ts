/** Keys of requests are remembered, so many and for so long. */
import { describe, expect, it } from 'vitest';
import { type Key, Keys, keyOf } from './keys.ts';

const key = (text: string, body = 'body'): Key => keyOf(text, new TextEncoder().encode(body));

function taken(keys: Keys, text: string, at: number, rows?: number): void {
  keys.add(keys.note(key(text), at, rows));
}

describe('keys', () => {
  it('are known with what their request held, wholly or in part', () => {
    const keys = new Keys(10, 1000);
    taken(keys, 'a', 0);
    taken(keys, 'b', 0, 7);
    expect(keys.find(key('a'), 0)).toEqual({ print: key('a').print, at: 0 });
    expect(keys.find(key('b'), 0)?.rows).toBe(7);
    expect(keys.find(key('a'), 0)?.print).not.toBe(key('a', 'another').print);
    taken(keys, 'b', 1);
    expect(keys.find(key('b'), 1)?.rows).toBeUndefined();
    expect(keys.find(key('c'), 0)).toBeUndefined();
  });

  it('are forgotten after a while, and the oldest where there are too many', () => {
    const keys = new Keys(3, 1000);
    for (const [at, text] of ['a', 'b', 'c', 'd'].entries()) taken(keys, text, at);
    expect(['a', 'b', 'c', 'd'].filter((text) => keys.find(key(text), 3) !== undefined)).toEqual(['b', 'c', 'd']);
    expect(keys.find(key('b'), 1002)).toBeUndefined();
    taken(keys, 'e', 1002);
    expect(keys.size).toBe(3);
    taken(keys, 'f', 5000);
    expect(keys.size).toBe(1);
  });

  it('are all in one note', () => {
    const keys = new Keys(3, 1000);
    taken(keys, 'a', 0);
    taken(keys, 'b', 1, 4);
    const other = new Keys(3, 1000);
    taken(other, 'z', 0);
    other.add(JSON.parse(JSON.stringify(keys.all())));
    expect(other.all()).toEqual(keys.all());
    expect(other.find(key('z'), 0)).toBeUndefined();
  });
});

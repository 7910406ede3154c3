import { describe, expect, it } from 'vitest';
import { didYouMean, suggest } from './suggest.ts';

describe('the nearest right name', () => {
  it.each([
    ['filtre', ['filter', 'from'], 'filter'],
    ['tiem', ['time', 'attach'], 'time'],
    ['fiel', ['generate', 'file'], 'file'],
    ['Temperature', ['temperature'], 'temperature'],
    ['reading', ['readings', 'ready'], 'readings'],
    ['maxdelay', ['maxDelay', 'maxDrift'], 'maxDelay'],
  ])('of %s among %j is %s', (word, names, right) => {
    expect(suggest(word, names)).toBe(right);
  });

  it.each([
    ['kafka', ['file', 'console']],
    ['x', ['y']],
    ['', ['a']],
    ['zzz', []],
    ['a'.repeat(1_000), ['a'.repeat(999)]],
  ])('of %s among %j is none', (word, names) => {
    expect(suggest(word, names)).toBeUndefined();
  });

  it('of two equally near is the first', () => {
    expect(suggest('rows', ['row', 'rowss'])).toBe('row');
  });

  it('is offered, else all names while they are few, else nothing', () => {
    expect(didYouMean('fil', ['file', 'console'])).toBe('did you mean "file"?');
    expect(didYouMean('kafka', ['file', 'console'])).toBe('possible here: file, console');
    expect(didYouMean('kafka', [])).toBeUndefined();
    const many = Array.from({ length: 20 }, (_, index) => `column-number-${index}`);
    expect(didYouMean('kafka', many)).toBeUndefined();
  });
});

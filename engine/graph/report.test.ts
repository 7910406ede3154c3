import { describe, expect, it } from 'vitest';
import type { Problem } from '../errors.ts';
import { formatProblems } from './report.ts';
import { SourceText } from './text.ts';

function report(text: string, start: number, end: number, more: Partial<Problem> = {}): string {
  const place = new SourceText('g.yaml', text).place(start, end);
  return formatProblems([{ severity: 'error', code: 'a.b', message: 'wrong', place, ...more }], { color: false });
}

describe('a report', () => {
  it('shows place, line, carets and hint', () => {
    expect(report('a: 1\n  bcd: efg\n', 7, 10, { hint: 'do this' })).toBe(
      'g.yaml:2:3: error a.b: wrong\n    bcd: efg\n    ^^^\n  do this\n',
    );
  });

  it('is empty for no problems, and has an empty line between two', () => {
    expect(formatProblems([], { color: true })).toBe('');
    const problem: Problem = { severity: 'warning', code: 'a.b', message: 'm' };
    expect(formatProblems([problem, problem], { color: false })).toBe('warning a.b: m\n\nwarning a.b: m\n');
  });

  it('names the path where there are no lines', () => {
    const place = { file: '<object>', line: 0, column: 0, path: 'spec.sources' };
    const text = formatProblems([{ severity: 'error', code: 'a.b', message: 'm', place }], { color: false });
    expect(text).toBe('<object>: spec.sources: error a.b: m\n');
  });

  it('cuts carets at the line’s end and has one at least', () => {
    expect(report('abc\ndef\n', 1, 7)).toContain('    abc\n     ^^\n');
    expect(report('abc', 3, 3)).toContain('    abc\n       ^\n');
    expect(report('', 0, 0)).toContain('    \n    ^\n');
  });

  it('cuts long lines to what surrounds the problem', () => {
    const text = report(`${'x'.repeat(500)}HERE${'y'.repeat(500)}`, 500, 504);
    const [, line = '', carets = ''] = text.split('\n');
    expect(line.length).toBeLessThan(140);
    expect(line).toMatch(/^ {4}\.\.\.x+HEREy+\.\.\.$/);
    expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('HERE');
  });

  it('puts carets under wide characters and tabs', () => {
    expect(report('日本\tx: y', 3, 4)).toContain('    日本 x: y\n         ^\n');
    expect(report('日本: y', 0, 2)).toContain('\n    ^^^^\n');
  });

  it('lets no text of the file or message steer the terminal', () => {
    const text = report('a\u001b[31m\u0007\u202eb', 0, 1, { message: 'm\u001b]0;x\u0007\nnext', hint: '\u009b1m' });
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
  });

  it('is coloured where asked', () => {
    const text = formatProblems([{ severity: 'warning', code: 'a.b', message: 'm' }], { color: true });
    expect(text).toBe('\u001b[33mwarning\u001b[0m a.b: m\n');
  });
});

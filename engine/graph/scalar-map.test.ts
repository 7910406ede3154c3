import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Document, Scalar } from 'yaml';
import { scalarOffsets } from './scalar-map.ts';
import { SourceText } from './text.ts';
import { treeAt } from './tree.ts';
import { yamlTree } from './yaml-tree.ts';

const STYLES = [
  Scalar.PLAIN,
  Scalar.QUOTE_SINGLE,
  Scalar.QUOTE_DOUBLE,
  Scalar.BLOCK_LITERAL,
  Scalar.BLOCK_FOLDED,
] as const;

/** Words with what SQL has, so that quotes, escapes and folding all come up. */
const text = fc
  .array(
    fc.constantFrom('a', 'temperature', '>', "'it'", '"q"', '\\', '\n', ' ', '  ', 'é', '😀', '::', '#x', '- ', '\t'),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((words) => words.join(' '))
  .filter((words) => words.trim() !== '');

function write(value: string, style: (typeof STYLES)[number], width: number): string {
  const scalar = new Scalar(value);
  scalar.type = style;
  return new Document({ spec: { filter: scalar } }).toString({ lineWidth: width });
}

describe('offsets of a scalar', () => {
  it.each(STYLES)('lead to the same character in the file: %s', (style) => {
    fc.assert(
      fc.property(text, fc.constantFrom(0, 20, 80), (value, width) => {
        const file = write(value, style, width);
        const tree = treeAt(yamlTree(new SourceText('x.yaml', file)).root, ['spec', 'filter']);
        if (tree?.kind !== 'scalar' || tree.at === undefined) throw new Error('no scalar');
        const offsets = scalarOffsets(file, tree.at, tree.style, tree.text);
        if (offsets === undefined) throw new Error('no offsets');
        for (const [index, character] of tree.text.split('').entries()) {
          const at = offsets[index] ?? -1;
          expect(at).toBeGreaterThanOrEqual(tree.at.start);
          expect(at).toBeLessThanOrEqual(tree.at.end);
          if (/[a-z>:#-]/.test(character)) expect(file[at]).toBe(character);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('see through long escapes and joined lines', () => {
    const file = 'a: "\\U0001F600x\\\n   y\\x41z"';
    const tree = treeAt(yamlTree(new SourceText('x.yaml', file)).root, ['a']);
    if (tree?.kind !== 'scalar' || tree.at === undefined) throw new Error('no scalar');
    expect(tree.text).toBe('😀xyAz');
    const offsets = scalarOffsets(file, tree.at, tree.style, tree.text);
    const written = [...(offsets ?? [])].map((at) => file[at]);
    expect(written).toEqual(['\\', '\\', 'x', 'y', '\\', 'z', '"']);
  });

  it('are unknown where value and source do not belong together', () => {
    expect(scalarOffsets('abc', { start: 0, end: 3 }, 'plain', 'abd')).toBeUndefined();
    expect(scalarOffsets('abc', { start: 0, end: 3 }, 'plain', 'abcd')).toBeUndefined();
  });
});

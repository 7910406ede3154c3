import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from './catalogue.ts';
import { EVALUATION_ERRORS } from './ir.ts';
import { withReference } from './reference.ts';

const document = readFileSync(new URL('../../docs/expressions.md', import.meta.url), 'utf8');

describe('docs/expressions.md', () => {
  it('is what node tools/reference.ts writes', () => {
    expect(withReference(document)).toBe(document);
  });

  it('explains every function and every error', () => {
    for (const { summary, id } of CATALOGUE) expect(document, id).toContain(`| ${summary} |`);
    for (const error of EVALUATION_ERRORS) if (error !== 'none') expect(document).toContain(`| \`${error}\` |`);
  });

  it('refuses a document without a place for the tables', () => {
    expect(() => withReference('# Expressions')).toThrow('begin: written by');
  });
});

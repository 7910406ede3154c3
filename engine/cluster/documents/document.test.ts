import { describe, expect, it } from 'vitest';
import { parseValue, stringifyValue } from '../../json.ts';
import { appDocument } from './app.ts';
import { decodeDocument, encodeDocument, FORMAT, versioned } from './document.ts';

const app = {
  ...versioned,
  namespace: 'default',
  app: 'shop',
  revision: 1,
  deployed: 1,
  wanted: 'running',
  plan: 'x',
  parameters: [],
  changed: 0,
} as const;
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(stringifyValue(value));

describe('documents', () => {
  it('keep what a newer version wrote into them, when an older one changes them', () => {
    const newer = { ...app, format: FORMAT + 1, colour: 'green', nested: { size: 12n } };
    const read = decodeDocument(appDocument, bytes(newer), 'app');
    const written = parseValue(new TextDecoder().decode(encodeDocument({ ...read, revision: 2 })));
    expect(written).toEqual({ ...newer, revision: 2 });
  });

  it('are refused where they say that this version is too old for them', () => {
    const newer = { ...app, format: FORMAT + 2, oldest: FORMAT + 1 };
    expect(() => decodeDocument(appDocument, bytes(newer), 'apps.default.shop')).toThrow(
      expect.objectContaining({ code: 'cluster.newer-document' }),
    );
  });

  it.each([
    ['no JSON', new TextEncoder().encode('{')],
    ['another type', bytes({ ...app, revision: 'one' })],
    ['a missing member', bytes({ ...app, plan: undefined })],
    ['a word that is none', bytes({ ...app, wanted: 'sleeping' })],
    ['a list', bytes([app])],
  ])('are refused by name where they are %s', (_, damaged) => {
    expect(() => decodeDocument(appDocument, damaged, 'apps.default.shop')).toThrow(
      expect.objectContaining({ code: 'cluster.bad-document', message: expect.stringContaining('apps.default.shop') }),
    );
  });
});

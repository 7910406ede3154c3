/** docs/metrics.md and the table it is made of. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withMetrics } from './reference.ts';
import { METRICS } from './table.ts';

const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

describe('docs/metrics.md', () => {
  it('is what node tools/reference.ts writes', () => {
    expect(withMetrics(document)).toBe(document);
  });

  it('says where its marks are missing', () => {
    expect(() => withMetrics('# Metrics')).toThrow('begin: written by');
  });
});

describe('names of metrics', () => {
  const exposed = METRICS.flatMap((metric) => metric.exposed ?? []);

  it('are unique, and counters alone end in _total', () => {
    expect(new Set(exposed.map(({ name }) => name)).size).toBe(exposed.length);
    for (const { name, kind } of exposed)
      expect(`${name} ${name.endsWith('_total')}`).toBe(`${name} ${kind === 'counter'}`);
  });

  it('carry the unit of what is measured in seconds or bytes', () => {
    for (const { unit, exposed: how } of METRICS) {
      if (how === undefined) continue;
      if (unit === 'ms') expect(how.name).toMatch(/_seconds(_total)?$/);
      if (unit === 'bytes') expect(how.name).toMatch(/bytes(_total)?$/);
      expect(how.name).toMatch(/^cloudskin_[a-z_]+$/);
    }
  });
});

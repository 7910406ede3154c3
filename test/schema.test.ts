/** The committed JSON Schema, which editors read through the examples' first line, is the one that the code makes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectors } from '../connectors/registry.ts';
import { jsonSchema } from '../engine/graph/index.ts';
import { root } from './tidy/source-files.ts';

describe('docs/cloudskin.schema.json', () => {
  it('is what `cloudskin schema` prints', () => {
    const committed = JSON.parse(readFileSync(join(root, 'docs/cloudskin.schema.json'), 'utf8'));
    expect(committed).toEqual(JSON.parse(JSON.stringify(jsonSchema(connectors))));
  });

  it('is named by the first line of the example graphs', () => {
    const graph = readFileSync(join(root, 'examples/earthquakes/graph.yaml'), 'utf8');
    expect(graph).toMatch(/^# yaml-language-server: \$schema=\.\.\/\.\.\/docs\/cloudskin\.schema\.json\n/);
  });
});

/** Writes the generated parts of documents anew: docs/expressions.md from the function catalogue, docs/metrics.md from the table of metrics. */
import { readFileSync, writeFileSync } from 'node:fs';
import { withReference } from '../engine/expression/reference.ts';
import { withMetrics } from '../engine/metrics/reference.ts';

function rewrite(name: string, write: (document: string) => string): void {
  const path = new URL(`../docs/${name}`, import.meta.url);
  writeFileSync(path, write(readFileSync(path, 'utf8')));
}

rewrite('expressions.md', withReference);
rewrite('metrics.md', withMetrics);

/** Writes the generated part of docs/expressions.md anew, from the function catalogue. */
import { readFileSync, writeFileSync } from 'node:fs';
import { withReference } from '../engine/expression/reference.ts';

const path = new URL('../docs/expressions.md', import.meta.url);
writeFileSync(path, withReference(readFileSync(path, 'utf8')));

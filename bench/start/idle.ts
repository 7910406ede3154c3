/**
 * `idle.ts PATH COUNT`: proportional set size in bytes of COUNT cells that each have processed a batch and wait, per cell, as JSON. Beyond a few they sleep.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { firstBatch, openings, startAndProcess } from './operator.ts';

const [path = '', count = '1000'] = process.argv.slice(2);

const WARM = 3_000;

/** What the process holds, pages that others share counted in part; Linux only. */
function setSize(): number {
  for (let round = 0; round < 3; round++) globalThis.gc?.();
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) * 1024;
}

const open = await openings(path);
const batch = firstBatch();
// what comes once a process, compiled code and room for new objects, is there before it is measured
for (let turn = 0; turn < WARM; turn++) startAndProcess(open, batch).close();
const waiting = startAndProcess(open, batch);
const before = setSize();
const cells = [waiting, ...Array.from({ length: Number(count) }, () => startAndProcess(open, batch))];
const bytes = (setSize() - before) / Number(count);
console.log(JSON.stringify({ bytes, cells: cells.length }));
process.exit(0);

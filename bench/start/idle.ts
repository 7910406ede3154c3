/** `idle.ts PATH COUNT`: proportional set size in bytes of COUNT cells that each have processed a batch and wait, per cell, as JSON. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { firstBatch, openings, startAndProcess } from './operator.ts';

const [path = '', count = '1000'] = process.argv.slice(2);

/** What the process holds, pages that others share counted in part; Linux only. */
function setSize(): number {
  globalThis.gc?.();
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) * 1024;
}

const open = await openings(path);
const batch = firstBatch();
// what comes once a process is there before it is measured
for (const cell of Array.from({ length: 20 }, () => startAndProcess(open, batch))) cell.close();
const before = setSize();
const cells = Array.from({ length: Number(count) + 20 }, () => startAndProcess(open, batch));
const bytes = (setSize() - before) / Number(count);
console.log(JSON.stringify({ bytes, cells: cells.length }));
process.exit(0);

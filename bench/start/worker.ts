/** A thread, or a process, of its own that opens one cell and processes one batch: `worker.ts PATH`. Says so when the rows are out. */
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { firstBatch, openings, startAndProcess } from './operator.ts';

const path = parentPort === null ? (process.argv[2] ?? '') : String(workerData);
const cell = startAndProcess(await openings(path), firstBatch());
cell.close();
if (parentPort === null) process.stdout.write('done\n');
else parentPort.postMessage('done');

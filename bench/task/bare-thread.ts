/** A thread that makes one bare call for every message, and answers how long that took: what a message to a thread and back costs by itself. */
import { parentPort, workerData } from 'node:worker_threads';
import { bareCall } from './spin.ts';

const { own } = await bareCall(workerData as string);
parentPort?.on('message', () => parentPort?.postMessage(own()));
parentPort?.postMessage('ready');

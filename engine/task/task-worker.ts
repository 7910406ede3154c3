/** A worker thread that runs calls of one task: compiles it, says that it is ready, and answers one call after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { poolFigures } from '../cell/pools.ts';
import { CloudskinError, internalError, messageOf } from '../errors.ts';
import { realPorts } from '../ports.ts';
import {
  type Answer,
  batchesOf,
  type CallMessage,
  errorParts,
  handedOver,
  partsOf,
  type WorkerSetup,
} from './task-messages.ts';
import { TaskProgram } from './task-program.ts';

/** Milliseconds between two words on what the thread keeps, which follow calls. */
const TOLD_EVERY = 1_000;

const setup = workerData as WorkerSetup;
function answer(message: Answer): void {
  const handed = message.kind === 'result' ? handedOver([...message.batches, ...message.errors]) : [];
  parentPort?.postMessage(message, handed);
}

function failure(error: unknown): CloudskinError {
  return error instanceof CloudskinError ? error : internalError('task.failed', messageOf(error));
}

function run(program: TaskProgram, { id, batches, milliseconds }: CallMessage): Answer {
  try {
    const output = program.run(batchesOf(batches, setup.plan.input), milliseconds);
    return { kind: 'result', id, batches: partsOf(output.batches), errors: partsOf(output.errors) };
  } catch (error) {
    return { kind: 'error', id, error: errorParts(failure(error)) };
  }
}

try {
  const program = await TaskProgram.prepare(setup.plan, { ...setup, ports: realPorts });
  let told = realPorts.monotonic();
  const tell = (): void => answer({ kind: 'pools', pools: poolFigures() });
  parentPort?.on('message', (message: CallMessage) => {
    answer(run(program, message));
    const now = realPorts.monotonic();
    if (now - told < TOLD_EVERY) return;
    told = now;
    tell();
  });
  tell();
  answer({ kind: 'ready' });
} catch (error) {
  answer({ kind: 'error', id: 0, error: errorParts(failure(error)) });
}

/** Loaded in front of an agent's program (`node --import`): on SIGUSR2 one of its worker threads ends, as if it had crashed. */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

const threads = createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads');
const alive = new Set<InstanceType<typeof threads.Worker>>();
const Plain = threads.Worker;

threads.Worker = class extends Plain {
  constructor(...args: ConstructorParameters<typeof Plain>) {
    super(...args);
    alive.add(this);
    this.once('exit', () => alive.delete(this));
  }
};
syncBuiltinESMExports();

process.on('SIGUSR2', () => {
  // the last one started: others may be of another kind
  void [...alive].at(-1)?.terminate();
});

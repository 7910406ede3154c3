/**
 * A link in a process of its own: `relay.ts PORT MBITS DELAY` forwards connections to the port of this machine, with a bandwidth each way (bits a second, in millions) and a delay one way
 * (milliseconds); prints its port. It holds as much as is on its way and 256 KiB more; then the sender waits, as behind a router.
 */
import { connect, createServer, type Socket } from 'node:net';
import process from 'node:process';

const [port = 0, megabits = 1000, delay = 0] = process.argv.slice(2).map(Number);
/** Bytes a millisecond. */
const bandwidth = (megabits * 1e6) / 8 / 1000;
const QUEUE = 256 * 1024;
const ROOM = bandwidth * delay + QUEUE;

function carry(from: Socket, to: Socket): void {
  const queue: { readonly at: number; readonly bytes: Buffer }[] = [];
  let free = 0;
  let held = 0;
  let isSet = false;
  const wakeAt = (at: number): void => {
    if (isSet) return;
    isSet = true;
    setTimeout(deliver, Math.max(0, at - performance.now()));
  };
  const deliver = (): void => {
    isSet = false;
    const now = performance.now();
    while (queue.length > 0 && (queue[0]?.at ?? 0) <= now) {
      const { bytes } = queue.shift() ?? { bytes: Buffer.alloc(0) };
      held -= bytes.length;
      to.write(bytes);
    }
    if (held < ROOM && from.isPaused()) from.resume();
    const [next] = queue;
    if (next !== undefined) wakeAt(next.at);
  };
  from.on('data', (bytes: Buffer) => {
    free = Math.max(performance.now(), free) + bytes.length / bandwidth;
    queue.push({ at: free + delay, bytes });
    held += bytes.length;
    if (held >= ROOM) from.pause();
    wakeAt(free + delay);
  });
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

const server = createServer({ noDelay: true, highWaterMark: 16 * 1024 }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true });
  carry(near, far);
  carry(far, near);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : 0}\n`);
});

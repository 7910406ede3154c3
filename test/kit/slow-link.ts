/** A page transfer over a link with a bandwidth, a delay and losses, on a clock that goes from event to event. */

import { PreCopyReceiver } from '../../engine/state/precopy/receiver.ts';
import { type PreCopyOptions, type PreCopyReceipt, PreCopySender } from '../../engine/state/precopy/sender.ts';

export interface LinkOptions {
  /** Bytes a millisecond, each way. */
  readonly bandwidth: number;
  /** Milliseconds one way. */
  readonly delay: number;
  /** Part of the frames that never arrive, and of those that do out of order. */
  readonly loss?: number;
  readonly random?: () => number;
}

export interface Moved {
  readonly receipt: PreCopyReceipt;
  readonly state: PreCopySender['state'];
  readonly received: Uint8Array;
  readonly isSame: boolean | undefined;
  /** Milliseconds of the whole. */
  readonly took: number;
}

interface Event {
  readonly at: number;
  readonly run: () => void;
}

/** Events that a transfer may take before it counts as hung. */
const MOST_EVENTS = 200_000;

/** `write` is a batch of the cell: called each millisecond while it runs, before the sender has its turn. */
export function moveOver(
  link: LinkOptions,
  options: PreCopyOptions,
  memoryOf: () => { readonly memory: Uint8Array; readonly ranges?: readonly (readonly [number, number])[] },
  write: (now: number) => void,
): Moved {
  let now = 0;
  const events: Event[] = [];
  const at = (time: number, run: () => void): void => void events.push({ at: time, run });
  let received = new Uint8Array(0);
  const room = (bytes: number): Uint8Array => {
    const grown = new Uint8Array(bytes);
    grown.set(received);
    received = grown;
    return received;
  };
  const sender = new PreCopySender(options);
  const receiver = new PreCopyReceiver({ room });
  const { random = Math.random, loss = 0, bandwidth, delay } = link;
  const way = (arrive: (frame: Uint8Array) => void): ((frame: Uint8Array) => void) => {
    let free = 0;
    return (frame) => {
      free = Math.max(now, free) + frame.length / bandwidth;
      if (random() < loss) return;
      const late = random() < loss ? 3 * delay : 0;
      // the sender's buffers are its own
      const copy = frame.slice();
      at(free + delay + late, () => arrive(copy));
    };
  };
  const back = way((frame) => {
    sender.receive(frame, now);
    if (sender.state === 'cutting') step();
  });
  const forth = way((frame) => {
    for (const reply of receiver.receive(frame)) back(reply);
  });
  const step = (): void => {
    for (const frame of sender.step(memoryOf(), now)) forth(frame);
    const { wakeAt } = sender;
    if (sender.state === 'cutting' && wakeAt !== undefined) at(Math.max(wakeAt, now + 0.01), step);
  };
  const batch = (): void => {
    if (sender.state === 'ready') {
      sender.cut(now);
      step();
      return;
    }
    write(now);
    step();
    at(now + 1, batch);
  };
  at(0, batch);
  for (let count = 0; sender.state !== 'done' && sender.state !== 'different'; count++) {
    events.sort((one, other) => one.at - other.at);
    const event = events.shift();
    if (event === undefined || count === MOST_EVENTS) break;
    now = event.at;
    event.run();
  }
  sender.close();
  const { receipt, state } = sender;
  return { receipt, state, received, isSame: receiver.isSame, took: now };
}

/**
 * Bugs of the stream protocol, planted to see whether the simulation finds them. Each changes datagrams on their way through one process's
 * connection, as an end with that bug would have sent or understood them; nothing of it is in the protocol's own code.
 */
import type { Nats } from '../../../engine/nats/nats.ts';
import {
  emptyFrame,
  FLAG,
  type Frame,
  HEADER,
  KIND,
  readFrame,
  writeFrame,
} from '../../../engine/transport/protocol/frame.ts';
import type { Plant } from '../scenario.ts';
import { onTheWay } from './datagrams.ts';

interface Bug extends Plant {
  readonly way: 'out' | 'in';
  /** Changes the frame, or says false where the datagram is to be dropped. */
  change(frame: Frame, memory: Memory): boolean;
}

/** What a planted bug remembers of a subject. */
interface Memory {
  senderEpoch: number;
  receiverEpoch: number;
  count: number;
}

const isAcknowledgement = (frame: Frame): boolean => frame.kind === KIND.acknowledgement;

const bugs: readonly Bug[] = [
  {
    name: 'taken-when-received',
    bug: 'a receiver acknowledges as taken what has only come in',
    way: 'out',
    change(frame) {
      if (isAcknowledgement(frame)) frame.taken = frame.sequence;
      return true;
    },
  },
  {
    name: 'old-sender-accepted',
    bug: 'a receiver takes items of an older epoch of the sender',
    way: 'in',
    change(frame, memory) {
      if (isAcknowledgement(frame)) return true;
      memory.senderEpoch = Math.max(memory.senderEpoch, frame.senderEpoch);
      frame.senderEpoch = memory.senderEpoch;
      return true;
    },
  },
  {
    name: 'old-receiver-accepted',
    bug: 'a sender follows the word of a receiver that has been replaced',
    way: 'in',
    change(frame, memory) {
      if (!isAcknowledgement(frame)) return true;
      memory.receiverEpoch = Math.max(memory.receiverEpoch, frame.receiverEpoch);
      frame.receiverEpoch = memory.receiverEpoch;
      return true;
    },
  },
  {
    name: 'gap-not-asked',
    bug: 'a receiver does not ask again for what is missing',
    way: 'out',
    change(frame) {
      if (isAcknowledgement(frame)) frame.flags &= ~FLAG.again;
      return true;
    },
  },
  {
    name: 'repeats-renumbered',
    bug: 'a sender that goes back numbers what it repeats anew',
    way: 'out',
    change(frame, memory) {
      if (frame.kind !== KIND.items) return true;
      if (frame.senderEpoch !== memory.senderEpoch) Object.assign(memory, { senderEpoch: frame.senderEpoch, count: 0 });
      if (frame.sequence <= memory.count) frame.sequence = memory.count + 1;
      memory.count = Math.max(memory.count, frame.sequence);
      return true;
    },
  },
  {
    name: 'probe-forgotten',
    bug: 'a sender does not ask what became of its items',
    way: 'out',
    change: (frame, memory) => {
      memory.count += 1;
      return frame.kind !== KIND.probe || memory.count < 4;
    },
  },
];

export const plants: readonly Plant[] = bugs.map(({ name, bug }) => ({ name, bug }));

/** The connection with a bug in it; without a name as it is. */
export function plantChannels(nats: Nats, plant: string | undefined): Nats {
  const bug = bugs.find(({ name }) => name === plant);
  if (bug === undefined) return nats;
  const memories = new Map<string, Memory>();
  const change = (subject: string, data: Uint8Array): Uint8Array | undefined => {
    const memory = memories.get(subject) ?? { senderEpoch: 0, receiverEpoch: 0, count: 0 };
    memories.set(subject, memory);
    return changed(bug, data, memory);
  };
  return onTheWay(nats, bug.way, change);
}

function changed(bug: Bug, data: Uint8Array, memory: Memory): Uint8Array | undefined {
  const frame = emptyFrame();
  if (data.length < HEADER || !readFrame(data, frame, true)) return data;
  if (!bug.change(frame, memory)) return undefined;
  const bytes = data.slice();
  writeFrame(new DataView(bytes.buffer), frame, bytes.length, true);
  return bytes;
}

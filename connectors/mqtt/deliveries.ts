/**
 * Which messages of a session are safe, by their packet identifiers: what a broker sends again is not taken a second time, also after a restart where a
 * journal keeps this.
 *
 * QoS 2 (MQTT 5, section 4.3.3, method B): an identifier stands for its message until PUBREL; that it does no more is safe before PUBCOMP, since from then on
 * the broker may give it to another message. So each message is taken once, as long as the broker keeps the session.
 *
 * QoS 1 (section 4.3.2): nobody says that PUBACK has come in; from then on the identifier may be another message's, whose first delivery may be lost. A message with
 * DUP under a known identifier is the same one only where the broker does not give identifiers again so soon. That is believed of a broker that was seen to number a
 * message on from the last though lower identifiers were free: it had answered to a PINGREQ that followed their PUBACK (mosquitto goes on to 65,535). Of others
 * such a message is taken again.
 *
 * In both cases it must have the DUP flag and the content that was known: a broker that was put back to an older state gives identifiers again. When there is no session
 * any more, none means anything.
 */
import { createHash } from 'node:crypto';
import type { SourceMemory } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';

/** Messages that may be under way from a broker. One of MQTT 5 is told so; others are not, and have smaller windows of their own. */
export const WINDOW = 256;
const IDENTIFIERS = 65_535;

export interface Delivery {
  readonly session: number;
  readonly id: number;
  readonly qos: number;
  /** Of topic and payload. */
  readonly print: string;
}

/** Of a message that is safe, wholly or so many rows of it. */
export interface Taken {
  readonly qos: number;
  readonly print: string;
  readonly rows?: number;
}

/** What is seen of how a broker numbers messages. */
interface Numbering {
  readonly last: number;
  /** The last one that came before lower ones were known to be free; 0: none are. */
  readonly barrier: number;
  /** That one was taken. */
  readonly isPast: boolean;
  /** One was numbered on from the last behind that. */
  readonly goesOn: boolean;
}

const UNSEEN: Numbering = { last: 0, barrier: 0, isPast: false, goesOn: false };

type TakenNote = readonly [number, number, string, number?];

/** One kind of note in each: a message that is safe, an identifier that is released, the last one given before others were free, a session that began, what was subscribed to, all. */
interface DeliveryNote {
  readonly session: number;
  readonly taken?: TakenNote;
  readonly released?: number;
  readonly barrier?: number;
  readonly subscribed?: string;
  readonly all?: { readonly taken: readonly TakenNote[]; readonly numbering: Numbering };
}

export class Deliveries implements SourceMemory {
  #session = 0;
  #subscribed = '';
  /** By identifier, in the order in which they were taken. */
  readonly #taken = new Map<number, Taken>();
  /** Of QoS 1 among them. */
  #ofOne = 0;
  #numbering: Numbering = UNSEEN;

  get session(): number {
    return this.#session;
  }

  /** What the session is subscribed to, as `subscribedNote` was told. */
  get subscribed(): string {
    return this.#subscribed;
  }

  /** Whether it is known how the broker numbers messages of this session. */
  get goesOn(): boolean {
    return this.#numbering.goesOn;
  }

  /** What is safe of this message, where it is one that was taken. */
  find({ id, print }: Delivery, isRepeated: boolean): Taken | undefined {
    const taken = this.#taken.get(id);
    if (!isRepeated || taken === undefined || taken.print !== print) return undefined;
    // of what was not taken whole nothing has been confirmed
    if (taken.qos === 1 && taken.rows === undefined && !this.goesOn) return undefined;
    return taken;
  }

  /** Whether the identifier still stands for a message. */
  holds(id: number): boolean {
    return this.#taken.has(id);
  }

  takenNote({ session, id, qos, print }: Delivery, rows: number | undefined): Json {
    return noteOf({ session, taken: rows === undefined ? [id, qos, print] : [id, qos, print, rows] });
  }

  releasedNote(id: number): Json {
    return noteOf({ session: this.#session, released: id });
  }

  /** `last`: the message that came last when the broker was known to have freed identifiers of QoS 1. */
  barrierNote(last: number): Json {
    return noteOf({ session: this.#session, barrier: last });
  }

  /** Of a session that knows nothing of the one before. */
  newSessionNote(): Json {
    return noteOf({ session: this.#session + 1 });
  }

  subscribedNote(to: string): Json {
    return noteOf({ session: this.#session, subscribed: to });
  }

  add(json: Json): void {
    const note = json as unknown as DeliveryNote;
    if (note.session > this.#session || note.all !== undefined) this.#begin(note.session);
    // of messages that were still waiting when their session was lost
    if (note.session < this.#session) return;
    if (note.subscribed !== undefined) this.#subscribed = note.subscribed;
    if (note.released !== undefined) this.#release(note.released);
    if (note.taken !== undefined) this.#take(note.taken);
    if (note.barrier !== undefined) {
      const { last, goesOn } = this.#numbering;
      this.#numbering = { last, barrier: note.barrier, isPast: note.barrier === last, goesOn };
    }
    if (note.all === undefined) return;
    for (const taken of note.all.taken) this.#take(taken);
    this.#numbering = note.all.numbering;
  }

  all(): Json {
    const taken = [...this.#taken].map(([id, { qos, print, rows }]): TakenNote => {
      return rows === undefined ? [id, qos, print] : [id, qos, print, rows];
    });
    const all = { taken, numbering: this.#numbering };
    return noteOf({ session: this.#session, subscribed: this.#subscribed, all });
  }

  #begin(session: number): void {
    this.#session = session;
    this.#subscribed = '';
    this.#taken.clear();
    this.#ofOne = 0;
    this.#numbering = UNSEEN;
  }

  #take([id, qos, print, rows]: TakenNote): void {
    const isFurther = this.#taken.get(id)?.rows !== undefined;
    this.#release(id);
    this.#taken.set(id, rows === undefined ? { qos, print } : { qos, print, rows });
    if (qos === 1) this.#ofOne += 1;
    // the confirmation of one before so many others has come in, or they would not have been sent
    for (const [oldest, taken] of this.#taken) {
      if (this.#ofOne <= WINDOW) break;
      if (taken.qos === 1) this.#release(oldest);
    }
    if (!isFurther) this.#see(id);
  }

  #see(id: number): void {
    const { last, barrier, isPast, goesOn } = this.#numbering;
    const isNext = id === (last % IDENTIFIERS) + 1;
    this.#numbering = isNext
      ? { last: id, barrier, isPast: isPast || id === barrier, goesOn: goesOn || isPast }
      : { ...UNSEEN, last: id };
  }

  #release(id: number): void {
    const taken = this.#taken.get(id);
    if (taken === undefined) return;
    this.#taken.delete(id);
    if (taken.qos === 1) this.#ofOne -= 1;
  }
}

/** A short hash: it has to tell two messages under one number apart, no more. */
export function printOf(topic: string, payload: Uint8Array): string {
  return createHash('sha1').update(topic).update('\0').update(payload).digest('base64').slice(0, 12);
}

function noteOf(note: DeliveryNote): Json {
  return note as unknown as Json;
}

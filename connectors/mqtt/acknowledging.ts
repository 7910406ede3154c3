/**
 * Takes MQTT messages and confirms each when its rows are safe, while later ones go on coming in. mqtt.js would confirm a message before
 * it reads the next; so here the confirmation (PUBACK, for QoS 2 PUBREC) is held back on its way out, until it is due, and for QoS 2 the last word
 * (PUBCOMP) until it is safe that the identifier is free (deliveries.ts).
 *
 * A message that comes again while it is not confirmed is the same one. What comes again of what was confirmed `Deliveries` knows.
 */
import type { IPublishPacket, MqttClient, Packet } from 'mqtt';
import type { Json } from '../../engine/json.ts';
import type { Remembering } from '../payload/acknowledged.ts';
import { type Deliveries, type Delivery, printOf } from './deliveries.ts';

export interface Arrived {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly packet: IPublishPacket;
  /** Rows of it that were taken before. */
  readonly pass?: number;
  /** Confirms it to the broker; once. */
  confirm(): void;
  /** As in `Acknowledgeable`. */
  note?(rows: number | undefined): Json;
}

export interface Taking {
  readonly deliveries: Deliveries;
  readonly keep: Remembering['keep'];
  take(message: Arrived): void;
  /** Calls back once more can be taken; until then nothing is read. */
  whenRoom(callback: () => void): void;
  /** Something could not be kept. */
  fail(error: unknown): void;
}

interface Held {
  readonly delivery: Delivery;
  /** The rows are safe. */
  safe: boolean;
  /** What confirms it on the connection that there is now; undefined where that has not come yet. */
  confirmation: (() => void) | undefined;
}

/** Times that a broker is asked on one connection: one that does not number messages in a row is not asked for ever. */
const MOST_ASKED = 10;

const CONFIRMATIONS: ReadonlySet<string> = new Set(['puback', 'pubrec', 'pubcomp']);

type SendPacket = (packet: Packet, callback?: (error?: Error) => void, ...rest: unknown[]) => unknown;

/** What mqtt.js leaves out of its types. The name of the first has been the same since version 1. */
interface Internals {
  _sendPacket: SendPacket;
  /** Notes a message of QoS 2 until PUBREL; false, with the connection gone, where there are more than was said to the broker. */
  _trackIncomingQoS2Publish(id: number): boolean;
  readonly _incomingQoS2Ids: Set<number>;
}

export function holdAcknowledgements(client: MqttClient, taking: Taking): void {
  const sending = client as unknown as Internals;
  const holding = new Holding(taking, () => sending._sendPacket({ cmd: 'pingreq' }));
  client.options.customHandleAcks = (topic, payload, packet, done) => {
    holding.arrived(topic, payload as Buffer, packet);
    // of QoS 1 mqtt.js asks `handleMessage` itself
    if (packet.qos === 1) done(0);
    else taking.whenRoom(() => done(0));
  };
  // mosquitto counts a message of QoS 2 only up to PUBREC, and so sends more than it was told to: no reason to part from it
  sending._trackIncomingQoS2Publish = (id) => {
    sending._incomingQoS2Ids.add(id);
    return true;
  };
  const send = sending._sendPacket.bind(client);
  sending._sendPacket = (packet, callback, ...rest) => {
    if (packet.cmd === 'pingreq') holding.pinged();
    // of a connection that is lost: with the next one the broker sends again what it waits for
    const isLate = !client.connected && CONFIRMATIONS.has(packet.cmd);
    if (!isLate && !holding.holdsBack(packet, () => send(packet))) return send(packet, callback, ...rest);
    // The client goes on as if it were sent.
    callback?.();
    return client;
  };
  client.on('packetreceive', ({ cmd }) => {
    if (cmd === 'pingresp') holding.answered();
  });
  client.on('close', () => holding.disconnected());
}

class Holding {
  readonly #taking: Taking;
  /** Messages that are not confirmed, by their identifiers. */
  readonly #held = new Map<number, Held>();
  readonly #ping: () => void;
  #connection = 0;
  /** The message that came last. */
  #last = 0;
  /** PINGREQ sent on this connection, answers to them, and which answer says that messages of QoS 1 are free. */
  #pings = 0;
  #answers = 0;
  #awaited: number | undefined;
  #asked = 0;

  constructor(taking: Taking, ping: () => void) {
    this.#taking = taking;
    this.#ping = ping;
  }

  pinged(): void {
    this.#pings += 1;
  }

  /** A broker answers in order: what was sent before the PINGREQ it has read. */
  answered(): void {
    this.#answers += 1;
    if (this.#answers !== this.#awaited) return;
    this.#awaited = undefined;
    const { deliveries, keep, fail } = this.#taking;
    keep(deliveries.barrierNote(this.#last)).catch(fail);
  }

  arrived(topic: string, payload: Uint8Array, packet: IPublishPacket): void {
    const { deliveries, take } = this.#taking;
    const id = packet.messageId ?? 0;
    const delivery: Delivery = { session: deliveries.session, id, qos: packet.qos, print: printOf(topic, payload) };
    this.#last = id;
    const held = this.#held.get(id);
    if (packet.dup && held?.delivery.session === delivery.session && held.delivery.print === delivery.print) {
      held.confirmation = undefined;
      return;
    }
    const taken = deliveries.find(delivery, packet.dup);
    const isSafe = taken !== undefined && taken.rows === undefined;
    const entry: Held = { delivery, safe: isSafe, confirmation: undefined };
    this.#held.set(id, entry);
    if (isSafe) return;
    take({
      ...{ topic, payload, packet },
      ...(taken?.rows === undefined ? {} : { pass: taken.rows }),
      confirm: () => this.#confirm(entry),
      note: (rows) => deliveries.takenNote(delivery, rows),
    });
  }

  /** Whether a packet on its way out has to wait; `send` sends it. */
  holdsBack(packet: Packet, send: () => void): boolean {
    const id = packet.messageId ?? 0;
    if (packet.cmd === 'pubcomp') return this.#release(id, send);
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec') return false;
    const entry = this.#held.get(id);
    // it is confirmed already
    if (entry === undefined) return true;
    entry.confirmation = send;
    if (entry.safe) this.#confirm(entry);
    return true;
  }

  disconnected(): void {
    this.#connection += 1;
    this.#pings = 0;
    this.#answers = 0;
    this.#awaited = undefined;
    this.#asked = 0;
    for (const entry of this.#held.values()) entry.confirmation = undefined;
  }

  #confirm(entry: Held): void {
    entry.safe = true;
    const { confirmation, delivery } = entry;
    if (confirmation === undefined) return;
    if (this.#held.get(delivery.id) === entry) this.#held.delete(delivery.id);
    confirmation();
    if (delivery.qos === 1) this.#ask();
  }

  /** Has the broker say that it has read a PUBACK, as long as it is not known how it numbers messages. */
  #ask(): void {
    if (this.#taking.deliveries.goesOn || this.#awaited !== undefined || this.#asked >= MOST_ASKED) return;
    this.#asked += 1;
    this.#awaited = this.#pings + 1;
    this.#ping();
  }

  #release(id: number, send: () => void): boolean {
    const { deliveries, keep, fail } = this.#taking;
    if (!deliveries.holds(id)) return false;
    const connection = this.#connection;
    keep(deliveries.releasedNote(id)).then(() => {
      // on another connection the broker asks again
      if (connection === this.#connection) send();
    }, fail);
    return true;
  }
}

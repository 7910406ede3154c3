/**
 * Takes MQTT messages and confirms each when its rows are safe, while later ones go on coming in. mqtt.js would confirm a message before
 * it reads the next; so here the confirmation (PUBACK, for QoS 2 PUBREC) is held back on its way out, until it is due.
 *
 * A broker sends again what was not confirmed when the connection was lost: such a message is known by its number and the DUP flag, and
 * is not taken twice in one run.
 */
import type { IPublishPacket, MqttClient, Packet } from 'mqtt';

export interface Arrived {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly packet: IPublishPacket;
  /** Confirms it to the broker; once. */
  confirm(): void;
}

interface Held {
  /** The rows are safe. */
  safe: boolean;
  /** What confirms it on the connection that there is now; undefined where that has not come yet, or is sent. */
  confirmation: (() => void) | undefined;
}

type SendPacket = (packet: Packet, callback?: (error?: Error) => void, ...rest: unknown[]) => unknown;

/** mqtt.js leaves this method out of its types; its name has been the same since version 1. */
interface Sending {
  _sendPacket: SendPacket;
}

export function holdAcknowledgements(client: MqttClient, take: (message: Arrived) => void): void {
  const held = new Map<number, Held>();
  client.options.customHandleAcks = (topic, payload, packet, done) => {
    const id = packet.messageId ?? 0;
    const known = held.get(id);
    if (packet.dup && known !== undefined) known.confirmation = undefined;
    else {
      const entry: Held = { safe: false, confirmation: undefined };
      held.set(id, entry);
      take({ topic, payload: payload as Buffer, packet, confirm: () => confirm(entry) });
    }
    done(0);
  };
  const sending = client as unknown as Sending;
  const send = sending._sendPacket.bind(client);
  sending._sendPacket = (packet, callback, ...rest) => {
    const entry = packet.cmd === 'puback' || packet.cmd === 'pubrec' ? held.get(packet.messageId ?? 0) : undefined;
    if (entry === undefined) return send(packet, callback, ...rest);
    // The client goes on as if it were sent.
    callback?.();
    entry.confirmation = () => send(packet);
    if (entry.safe) confirm(entry);
    return client;
  };
  client.on('close', () => {
    for (const entry of held.values()) entry.confirmation = undefined;
  });
}

function confirm(entry: Held): void {
  entry.safe = true;
  const { confirmation } = entry;
  entry.confirmation = undefined;
  confirmation?.();
}

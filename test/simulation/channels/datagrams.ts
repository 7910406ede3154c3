/** What comes in or goes out through a connection, seen one datagram at a time: changed on its way, dropped, or only looked at. */
import type { Message, Nats, PublishOptions, Subscription } from '../../../engine/nats/nats.ts';

/** The connection with something on the way; undefined drops a datagram. */
export function onTheWay(
  nats: Nats,
  way: 'out' | 'in',
  change: (subject: string, data: Uint8Array) => Uint8Array | undefined,
): Nats {
  return new Proxy(nats, {
    get(target, property) {
      if (property === 'publish' && way === 'out') {
        return (subject: string, data: Uint8Array, options?: PublishOptions): void => {
          const made = change(subject, data);
          if (made !== undefined) target.publish(subject, made, options);
        };
      }
      if (property === 'subscribe' && way === 'in') {
        return (subject: string, handler: (message: Message) => void): Subscription =>
          target.subscribe(subject, (message) => {
            const made = change(subject, message.data);
            if (made !== undefined) handler({ ...message, data: made });
          });
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

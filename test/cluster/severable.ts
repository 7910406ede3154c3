/** A NATS connection that a test can cut: what is published is lost, what comes is not heard, and calls fail, until it is joined again. */
import { externalError } from '../../engine/errors.ts';
import type { JetStream, KeyValue, Nats } from '../../engine/nats/nats.ts';

export interface Severable {
  readonly nats: Nats;
  /** Returns what joins it again. */
  sever(): () => void;
}

export function severable(inner: Nats): Severable {
  let cut = false;
  const guard = <T>(call: () => Promise<T>): Promise<T> =>
    cut ? Promise.reject(externalError('nats.timeout', 'the connection is cut', { retry: true })) : call();
  const keyValue = (bucket: KeyValue): KeyValue => ({
    get: (key) => guard(() => bucket.get(key)),
    put: (key, value) => guard(() => bucket.put(key, value)),
    create: (key, value) => guard(() => bucket.create(key, value)),
    update: (key, value, revision) => guard(() => bucket.update(key, value, revision)),
    delete: (key, revision) => guard(() => bucket.delete(key, revision)),
    keys: (pattern) => guard(() => bucket.keys(pattern)),
    watch: (pattern, listener) => bucket.watch(pattern, listener),
    lastRevision: () => bucket.lastRevision(),
  });
  const nats: Nats = new Proxy(inner, {
    get(target, name) {
      if (name === 'publish') {
        return (...call: Parameters<Nats['publish']>) => {
          if (!cut) target.publish(...call);
        };
      }
      if (name === 'subscribe') {
        return (...[subject, handler, options]: Parameters<Nats['subscribe']>) =>
          target.subscribe(subject, (message) => cut || handler(message), options);
      }
      if (name === 'jetstream') {
        return (domain?: string): JetStream => {
          const jetstream = target.jetstream(domain);
          return new Proxy(jetstream, {
            get: (js, member) => {
              if (member === 'keyValue') {
                return async (...call: Parameters<JetStream['keyValue']>) => keyValue(await js.keyValue(...call));
              }
              return bound(js, member);
            },
          });
        };
      }
      return bound(target, name);
    },
  });
  return {
    nats,
    sever: () => {
      cut = true;
      return () => {
        cut = false;
      };
    },
  };
}

function bound(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name, target);
  return typeof member === 'function' ? member.bind(target) : member;
}

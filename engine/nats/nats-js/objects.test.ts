/** An object whose last word was not answered: it may be there, and so must be whole. Servers that do not answer are hard to come by; the calls stand in for one. */
import { describe, expect, it } from 'vitest';
import { externalError } from '../../errors.ts';
import { realPorts } from '../../ports.ts';
import type { JetStreamCalls } from './api.ts';
import { openObjects } from './objects.ts';

/** Calls that answer all but what is published to subjects with `silent` in them; and what was published and purged. */
function callsWithout(silent: string): { readonly calls: JetStreamCalls; readonly done: string[] } {
  const done: string[] = [];
  const calls = {
    connection: { info: { maxPayload: 1_000_000 }, ports: realPorts },
    publishPrefix: '',
    ensure: async () => ({}),
    lastOf: async () => null,
    publish: async (subject: string) => {
      done.push(`published ${subject.split('.')[2]}`);
      if (subject.includes(silent)) throw externalError('nats.timeout', 'no answer in time', { retry: true });
    },
    call: async (doing: string) => done.push(doing),
  };
  return { calls: calls as unknown as JetStreamCalls, done };
}

describe('an object whose putting fails', () => {
  it('keeps its chunks where the server may have taken what names them', async () => {
    const { calls, done } = callsWithout('.M.');
    const objects = await openObjects(calls, 'shop', {});
    await expect(objects.put('a', new Uint8Array(10))).rejects.toMatchObject({ code: 'nats.timeout' });
    expect(done).toEqual(['published C', 'published M']);
  });

  it('leaves none behind where nothing can have named them', async () => {
    const { calls, done } = callsWithout('.C.');
    const objects = await openObjects(calls, 'shop', {});
    await expect(objects.put('a', new Uint8Array(10))).rejects.toMatchObject({ code: 'nats.timeout' });
    expect(done).toEqual(['published C', 'purging OBJ_shop']);
  });
});

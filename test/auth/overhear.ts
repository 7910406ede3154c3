/** What somebody whom a server lets in hears and is refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nats } from '../../engine/nats/nats.ts';

/** From the edge to the cloud. */
export const CHANNEL = 'cs.default.numbers.ch.twice_FROM_rows_TO_out';

/** What a user sees of these subjects while it is served, and what the server says of it. */
export async function overhears(
  nats: Nats,
  subjects: readonly string[],
): Promise<{ heard: string[]; refused: string[] }> {
  const heard: string[] = [];
  const refused: string[] = [];
  const errors = nats.onError(({ message }) => {
    if (message.startsWith('subscription')) refused.push(message);
  });
  const subscriptions = subjects.map((subject) => nats.subscribe(subject, (message) => heard.push(message.subject)));
  await nats.flush();
  await sleep(600);
  for (const subscription of subscriptions) subscription.close();
  errors.close();
  return { heard, refused };
}

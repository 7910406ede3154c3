/** What somebody whom a server lets in hears and is refused. */
import type { Nats } from '../../engine/nats/nats.ts';
import type { Secured } from './secured.ts';

/** From the edge to the cloud. */
export const CHANNEL = 'cs.default.numbers.ch.twice_FROM_rows_TO_out';

/** What a user sees of these subjects while rows flow, and what the server says of it. */
export async function overhears(
  secured: Secured,
  nats: Nats,
  subjects: readonly string[],
  app?: string,
): Promise<{ heard: string[]; refused: string[] }> {
  const heard: string[] = [];
  const refused: string[] = [];
  const errors = nats.onError(({ message }) => {
    if (message.startsWith('subscription')) refused.push(message);
  });
  const subscriptions = subjects.map((subject) => nats.subscribe(subject, (message) => heard.push(message.subject)));
  // what is refused has come before the answer to this
  await nats.flush();
  await rowsFlow(secured, app);
  for (const subscription of subscriptions) subscription.close();
  errors.close();
  return { heard, refused };
}

/** Resolves when all the subjects of a continuum have had something to carry: rows, reports, checkpoints and documents. */
export async function rowsFlow(secured: Secured, app = 'numbers'): Promise<void> {
  const { checkpoint } = await secured.region(app, ({ phase }) => phase === 'running');
  await secured.region(app, (now) => now.checkpoint > checkpoint + 2);
}

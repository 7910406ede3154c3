/** What the NATS server refuses an agent, for its log: credentials that are not taken any more are named, and everything only now and then. */
import type { Log } from '../../engine/cluster/process/log.ts';
import { CloudskinError } from '../../engine/errors.ts';
import type { Nats, Subscription } from '../../engine/nats/nats.ts';
import { claimsOf, readCredentials, refusalOf } from '../../engine/nats/nats-js/credentials.ts';
import type { Ports } from '../../engine/ports.ts';

/** Milliseconds in which the same is not said again. */
const AGAIN = 60_000;
/** Things said and remembered. */
const MOST = 256;
const DAY = 86_400_000;
/** Milliseconds before their end in which credentials are worth a warning. */
const SOON = 14 * DAY;

const REFUSED = /authorization violation|authentication (expired|revoked|timeout)|account authentication/i;

/** `given`: a file of credentials, or their text; absent: none are used. */
export function logTroubles(nats: Nats, given: string | undefined, ports: Ports, log: Log): Subscription {
  const said = new Map<string, number>();
  const say = (error: Error): void => {
    const code = error instanceof CloudskinError ? error.code : 'nats.failed';
    const label = `${code} ${error.message.replace(/[A-Za-z0-9]{18,}/g, '')}`;
    const now = ports.monotonic();
    if (now - (said.get(label) ?? Number.NEGATIVE_INFINITY) < AGAIN) return;
    if (said.size >= MOST) said.clear();
    said.set(label, now);
    explain(error, given, ports).then(
      (message) => log('error', message, { code }),
      () => log('error', error.message, { code }),
    );
  };
  return nats.onError(say);
}

async function explain({ message }: Error, given: string | undefined, ports: Ports): Promise<string> {
  if (given === undefined || !REFUSED.test(message)) return message;
  const claims = claimsOf(await readCredentials(given));
  return claims === undefined ? message : `${message}: ${refusalOf(claims, ports.now())}`;
}

/** Says how long credentials are still good for, where that is not long. */
export async function expiryOf(given: string | undefined, now: number): Promise<string | undefined> {
  if (given === undefined) return undefined;
  const claims = claimsOf(await readCredentials(given));
  if (claims?.expires === undefined || claims.expires - now > SOON) return undefined;
  if (claims.expires <= now) return refusalOf(claims, now);
  return `the credentials of ${claims.name} expire at ${new Date(claims.expires).toISOString()}`;
}

/** One request of ours, and what its failure means. */
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import { isTlsRefusal, isUnknownHost, publicUrl, reasonOf, serverName } from '../outside.ts';
import { type Outside, type Persistence, persist } from '../persist.ts';

export interface Client {
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  /** Microseconds. */
  readonly timeout: bigint;
  readonly retryFor: bigint;
  readonly context: Outside;
  /** It has answered before: errors of names may pass. Set by `send`. */
  reached: boolean;
}

/** An answer that is no success. */
export class Refused extends Error {
  readonly status: number;
  readonly retryAfter: number | undefined;

  constructor(status: number, reason: string, retryAfter: number | undefined) {
    super(`it answers ${status}${reason === '' ? '' : `: ${reason}`}`);
    this.name = 'Refused';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Bytes of an answer that are shown where it says no. */
const SHOWN = 300;

/** Sends until it is taken, and the answer is, by `take`; rejects with `Refused` for an answer that no repetition would change, `http.unreachable` where time is up. */
export function send<T>(
  client: Client,
  url: string,
  init: RequestInit,
  take: (response: Response) => Promise<T>,
): Promise<T> {
  const persistence: Persistence = {
    server: serverName('http', url),
    retryFor: client.retryFor,
    context: client.context,
    retryAfter: (error) => {
      if (error instanceof CloudskinError || isTlsRefusal(error)) return false;
      if (isUnknownHost(error) && !client.reached) return false;
      if (!(error instanceof Refused)) return undefined;
      const passing = error.status === 408 || error.status === 425 || error.status === 429 || error.status >= 500;
      return passing ? error.retryAfter : false;
    },
    giveUp: (error, why) => {
      if (why === 'hopeless' && (error instanceof Refused || error instanceof CloudskinError)) return error;
      return externalError(
        'http.unreachable',
        `${client.what}: ${publicUrl(url)} cannot be reached: ${reasonOf(error)}`,
        {
          retry: why === 'too-long',
          cause: error,
          hint: why === 'too-long' ? '`retryFor` says how long to try' : 'is `url` right?',
        },
      );
    },
  };
  return persist(persistence, async () => {
    const response = await once(client, url, init);
    client.reached = true;
    return await take(response);
  });
}

async function once(
  { headers, token, timeout, context: { signal } }: Client,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Number(timeout / 1000n))]);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const all = { ...headers, ...authorization, ...(init.headers as Record<string, string> | undefined) };
  const response = await fetch(url, { ...init, headers: all, signal: limit });
  if (response.ok || response.status === 304) return response;
  const reason = (await response.text()).slice(0, SHOWN).trim();
  throw new Refused(response.status, reason, retryAfterOf(response.headers.get('retry-after')));
}

/** Milliseconds; a date there is left to our own patience. */
function retryAfterOf(text: string | null): number | undefined {
  const seconds = Number(text ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** A refusal as an error of the run. */
export function refusedError(what: string, url: string, refused: Refused): Error {
  return userError('http.refused', `${what}: ${publicUrl(url)} refuses: ${refused.message}`, { cause: refused });
}

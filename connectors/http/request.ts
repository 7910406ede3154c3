/** One request of ours, and what its failure means. */
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import { type Persistence, persist } from '../persist.ts';

export interface Client {
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  /** Microseconds. */
  readonly timeout: bigint;
  readonly retryFor: bigint;
  readonly signal: AbortSignal;
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
    retryFor: client.retryFor,
    signal: client.signal,
    retryAfter: (error) => {
      if (error instanceof CloudskinError) return false;
      if (!(error instanceof Refused)) return undefined;
      const passing = error.status === 408 || error.status === 425 || error.status === 429 || error.status >= 500;
      return passing ? error.retryAfter : false;
    },
    giveUp: (error, why) => {
      if (why === 'hopeless' && (error instanceof Refused || error instanceof CloudskinError)) return error;
      return externalError('http.unreachable', `${client.what}: ${url} cannot be reached: ${reasonOf(error)}`, {
        retry: true,
        cause: error,
        hint: '`retryFor` says how long to try',
      });
    },
  };
  return persist(persistence, async () => take(await once(client, url, init)));
}

async function once({ headers, token, timeout, signal }: Client, url: string, init: RequestInit): Promise<Response> {
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

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error
    ? `${error.message} (${error.cause.message || String(error.cause)})`
    : error.message;
}

/** A refusal as an error of the run. */
export function refusedError(what: string, url: string, refused: Refused): Error {
  return userError('http.refused', `${what}: ${url} refuses: ${refused.message}`, { cause: refused });
}

/** Trying again while a NATS server cannot be reached or takes nothing, and giving up by name after a while. */
import { defined } from '../../engine/defined.ts';
import { CloudskinError, externalError } from '../../engine/errors.ts';
import { isTlsRefusal, isUnknownHost, serverName } from '../outside.ts';
import { type Outside, persist } from '../persist.ts';

export interface NatsPatience {
  /** Of the connector's options; `retryFor` in microseconds. */
  readonly access: { readonly url: string | readonly string[]; readonly retryFor: bigint };
  readonly context: Outside;
}

/** Another writer was faster, which is found out and mended at once: nothing that a user should hear of. */
const ROUTINE = 'nats.wrong-last-sequence';

export function natsServer(url: string | readonly string[]): string {
  const [first = ''] = typeof url === 'string' ? [url] : url;
  return serverName('nats', first.includes('://') ? first : `nats://${first}`, '4222');
}

/** Runs `work` until it succeeds, its error says that no other try would help, or `retryFor` is over: then rejects with the last error. */
export function persistNats<T>({ access, context }: NatsPatience, work: () => Promise<T>): Promise<T> {
  return persist(
    {
      server: natsServer(access.url),
      retryFor: access.retryFor,
      context,
      isRoutine: (error) => error instanceof CloudskinError && error.code === ROUTINE,
      retryAfter: (error) => {
        if (!(error instanceof CloudskinError)) return false;
        return error.retry || error.code === ROUTINE ? undefined : false;
      },
      giveUp: (error, why) => (why === 'too-long' ? tooLong(error) : (error as Error)),
    },
    work,
  );
}

/** As `persistNats`, for the first connection: a certificate or a name that is wrong stays wrong. */
export function persistFirst<T>(patience: NatsPatience, work: () => Promise<T>): Promise<T> {
  return persistNats(patience, () =>
    work().catch((error: unknown) => {
      if (!isTlsRefusal(error) && !isUnknownHost(error)) throw error;
      const { code, message, hint } = error as CloudskinError;
      throw externalError(code, message, { cause: error, ...defined({ hint }) });
    }),
  );
}

function tooLong(error: unknown): Error {
  if (!(error instanceof CloudskinError)) return error as Error;
  const { code, message, hint } = error;
  const how = '`retryFor` says how long to try';
  return externalError(code, message, {
    retry: true,
    cause: error,
    hint: hint === undefined ? how : `${hint}; ${how}`,
  });
}

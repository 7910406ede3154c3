/** What connectors know of the world outside: how a server is called without its secrets, and what an error of a connection means. */
import type { ConnectorContext } from '../engine/graph/connector.ts';

/** Codes of Node and OpenSSL for a certificate, or a peer without TLS, that no repetition changes. */
const TLS =
  /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET_ISSUER|DECRYPT|DECODE)|HOSTNAME_MISMATCH)/;

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'the connection was lost'],
  ['EPIPE', 'the connection was lost'],
  ['ETIMEDOUT', 'no answer'],
  ['EHOSTUNREACH', 'the host cannot be reached'],
  ['ENETUNREACH', 'the network cannot be reached'],
  ['ENOTFOUND', 'there is no host of that name'],
  ['EAI_AGAIN', 'the name of the host cannot be looked up now'],
]);

/** `postgres 10.0.7.2:5432`, of an address that may hold a user, a password and more. */
export function serverName(kind: string, url: string, port = ''): string {
  if (!URL.canParse(url)) return kind;
  const { hostname, port: given } = new URL(url);
  const which = given === '' ? port : given;
  if (hostname === '') return kind;
  return which === '' ? `${kind} ${hostname}` : `${kind} ${hostname}:${which}`;
}

/** An address without user, password and query: those may be secrets. */
export function publicUrl(url: string): string {
  if (!URL.canParse(url)) return '<address>';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** Of the innermost cause that has one. */
function codeOf(error: unknown): string {
  let found = '';
  for (let inner: unknown = error, depth = 0; typeof inner === 'object' && inner !== null && depth < 8; depth++) {
    const { code, cause } = inner as { readonly code?: unknown; readonly cause?: unknown };
    if (typeof code === 'string') found = code;
    inner = cause;
  }
  return found;
}

/** Why a connection could not be made or was lost, in few words. */
export function reasonOf(error: unknown): string {
  const known = REASONS.get(codeOf(error));
  if (known !== undefined) return known;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const inner = error.cause instanceof Error && error.cause.message !== '' ? ` (${error.cause.message})` : '';
  return `${error.message === '' ? codeOf(error) : error.message}${inner}`;
}

/** The other side's certificate is not taken, or there is no TLS: trying again cannot help. */
export function isTlsRefusal(error: unknown): boolean {
  return TLS.test(codeOf(error));
}

/** There is no such host. Of one that was reached before it may be a passing failure of names. */
export function isUnknownHost(error: unknown): boolean {
  return codeOf(error) === 'ENOTFOUND';
}

/** Resolves after so many milliseconds, or as soon as the signal aborts. */
export function pause(
  milliseconds: number,
  { ports, signal }: Pick<ConnectorContext, 'ports' | 'signal'>,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = ports.after(milliseconds, done);
    signal.addEventListener('abort', done);
  });
}

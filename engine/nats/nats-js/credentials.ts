/**
 * Credentials of a user (a JWT and the seed of its nkey) as `nsc` and `cloudskin auth` write them. Files are read again at every connection,
 * so that new credentials put in the place of old ones are used by the next. What the JWT says is only shown and gone by here; believing it is the server's.
 */

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Authenticator, credsAuthenticator } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';

/** What a user's JWT says. */
export interface UserClaims {
  readonly name: string;
  /** Milliseconds since the epoch; absent: never. */
  readonly expires?: number;
  /** The one place below `_INBOX.` where the user may hear answers; absent: any. */
  readonly inbox?: string;
  readonly tags: readonly string[];
}

const MARK = 'BEGIN NATS USER JWT';

function isCredentials(text: string): boolean {
  return text.includes(MARK);
}

export async function secretFile(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'cannot be read';
    throw userError('nats.credentials', `${option}: ${path} cannot be read (${reason})`, { cause });
  }
}

/** `given`: a path, or the text itself. Throws `nats.credentials`. */
export async function readCredentials(given: string): Promise<string> {
  const text = isCredentials(given) ? given : await secretFile(given, 'credentials');
  if (isCredentials(text) && text.includes('SEED')) return text;
  throw userError('nats.credentials', 'the credentials hold no user JWT with its seed', {
    hint: 'use the .creds file that `cloudskin auth` or `nsc generate creds` wrote',
  });
}

export function credentialsAuthenticator(given: string, text: string): Authenticator {
  let last = text;
  return credsAuthenticator(() => {
    if (!isCredentials(given)) last = reread(given) ?? last;
    return new TextEncoder().encode(last);
  });
}

/** Undefined while there is nothing whole: it is just being replaced. */
function reread(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return isCredentials(text) && text.includes('SEED') ? text : undefined;
  } catch {
    return undefined;
  }
}

interface Claims {
  readonly name?: string;
  readonly exp?: number;
  readonly nats?: { readonly sub?: { readonly allow?: readonly string[] }; readonly tags?: readonly string[] };
}

/** Undefined where the text holds no JWT that can be read. */
export function claimsOf(text: string): UserClaims | undefined {
  const [, body] = /([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+/.exec(text)?.slice(1) ?? [];
  if (body === undefined) return undefined;
  try {
    const { name = '', exp, nats } = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Claims;
    const inbox = inboxIn(nats?.sub?.allow ?? []);
    return {
      name,
      tags: nats?.tags ?? [],
      ...(exp === undefined ? {} : { expires: exp * 1_000 }),
      ...defined({ inbox }),
    };
  } catch {
    return undefined;
  }
}

function inboxIn(allowed: readonly string[]): string | undefined {
  if (allowed.some((subject) => subject === '>' || subject === '_INBOX.>')) return undefined;
  return allowed.find((subject) => /^_INBOX\.[^*>]+\.>$/.test(subject))?.slice(0, -2);
}

/** Why a server may not take them, for a message: `the credentials of agent-plant expired at 2026-01-02T03:04:05.000Z`. */
export function refusalOf({ name, expires }: UserClaims, now: number): string {
  const whose = `the credentials of ${name}`;
  if (expires !== undefined && expires <= now) return `${whose} expired at ${new Date(expires).toISOString()}`;
  return `${whose} were revoked, or are of another operator`;
}

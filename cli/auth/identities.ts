/** Keys and what they sign: operator, accounts and users as NATS has them (nkeys, JWT of version 2). */

import { type Account, encodeAccount, encodeOperator, encodeUser, fmtCreds, type User } from '@nats-io/jwt';
import { fromSeed, type KeyPair } from '@nats-io/nkeys';
import type { Permissions } from '../../engine/cluster/security/permissions.ts';
import { defined } from '../../engine/defined.ts';

export function seedOf(key: KeyPair): string {
  return new TextDecoder().decode(key.getSeed());
}

export function keyOf(seed: string): KeyPair {
  return fromSeed(new TextEncoder().encode(seed.trim()));
}

/** -1: no bound but that of the server. */
const UNBOUNDED = {
  subs: -1,
  data: -1,
  payload: -1,
  conn: -1,
  leaf: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  disallow_bearer: true,
};
const JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1, max_ack_pending: -1 };

export function operatorJwt(operator: KeyPair, system: KeyPair): Promise<string> {
  return encodeOperator('cloudskin', operator, { system_account: system.getPublicKey() });
}

export interface AccountDraft {
  readonly name: string;
  readonly jetstream: boolean;
  /** By public key of a user: credentials issued until then, in seconds since the epoch, are not taken any more. */
  readonly revocations?: Readonly<Record<string, number>>;
}

export function accountJwt(
  account: KeyPair,
  operator: KeyPair,
  { name, jetstream, revocations = {} }: AccountDraft,
): Promise<string> {
  const limits = jetstream ? { ...UNBOUNDED, ...JETSTREAM } : UNBOUNDED;
  const claims: Partial<Account> = { limits, revocations };
  return encodeAccount(name, account, claims, { signer: operator });
}

export interface UserDraft {
  readonly name: string;
  readonly permissions?: Permissions;
  /** May answer whoever asks it something, once each. */
  readonly answers?: boolean;
  /** Seconds since the epoch. */
  readonly expires?: number;
  readonly tags?: readonly string[];
  /** It joins servers, and is of no use to a client. */
  readonly link?: boolean;
}

/** Nanoseconds in which a question may be answered: calls of tasks may take their time. */
const ANSWER_WITHIN = 60e9;

/** The text of a credentials file. */
export async function credentialsOf(user: KeyPair, account: KeyPair, draft: UserDraft): Promise<string> {
  const { name, permissions, answers, expires, link, tags = [] } = draft;
  const claims: Partial<User> = {
    ...(permissions === undefined ? {} : rights(permissions)),
    allowed_connection_types: [link === true ? 'LEAFNODE' : 'STANDARD'],
    ...(answers === true ? { resp: { max: 1, ttl: ANSWER_WITHIN } } : {}),
    ...(tags.length === 0 ? {} : { tags: [...tags] }),
  };
  const jwt = await encodeUser(name, user, account, claims, defined({ exp: expires }));
  return new TextDecoder().decode(fmtCreds(jwt, user));
}

function rights({ publish, subscribe, denied = [] }: Permissions): Pick<User, 'pub' | 'sub'> {
  return {
    pub: { allow: [...publish], ...(denied.length === 0 ? {} : { deny: [...denied] }) },
    sub: { allow: [...subscribe] },
  };
}

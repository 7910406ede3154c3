/**
 * The directory that `cloudskin auth` keeps: what was made for whom, in `auth.json`, without any secret; seeds of all keys, for the owner of the
 * continuum alone; credentials, a file for each user, to be carried to where that user is.
 *
 *     auth.json   keys/operator.nk …   creds/agent-plant.creds …   hub.conf   leaf-plant.conf   tls/
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { KeyPair } from '@nats-io/nkeys';
import type { Permissions } from '../../engine/cluster/security/permissions.ts';
import { userError } from '../../engine/errors.ts';
import { keyOf, seedOf } from './identities.ts';

export interface Site {
  readonly name: string;
  readonly tier: 'edge' | 'cloud';
  /** Of the NATS server beside it: its own, or the central one. */
  readonly host: string;
  readonly port: number;
  readonly domain: string;
}

export interface Book {
  readonly format: 1;
  readonly hub: { readonly host: string; readonly port: number; readonly leafPort: number };
  readonly sites: readonly Site[];
  readonly tls: boolean;
  /** Version of the servers. */
  readonly natsServer: string;
  /** Agents may run whatever is deployed; else only what `auth graph` has said. */
  readonly anyApp: boolean;
  /** Each app has users of its own at each site, besides the site's. */
  readonly perApp: boolean;
  /** Days that credentials are good for; absent: for ever. */
  readonly days?: number;
  /** Subjects of the user's own that pass between edges and the central server, besides ours. */
  readonly shared: readonly string[];
  /** By app (`default/shop`), then by site. */
  readonly apps: Readonly<Record<string, Readonly<Record<string, Permissions>>>>;
  /** By task (`default/scoring`), the sites whose agents may serve it; absent: none. */
  readonly tasks?: Readonly<Record<string, readonly string[]>>;
  /** By public key of a user, seconds since the epoch. */
  readonly revocations: Readonly<Record<string, number>>;
}

/** The JetStream domain of the central server. */
export const HUB = 'hub';
const FILE = 'auth.json';

export class AuthDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Throws `auth.exists` where there is something already: nothing is ever written over. */
  make(): void {
    if (existsSync(this.path) && readdirSync(this.path).length > 0) {
      throw userError('auth.exists', `${this.path} is not empty`, {
        hint: 'name another directory with --out; cloudskin auth graph changes what there is',
      });
    }
    for (const directory of ['keys', 'creds']) mkdirSync(join(this.path, directory), { recursive: true, mode: 0o700 });
  }

  read(): Book {
    const file = join(this.path, FILE);
    if (!existsSync(file)) {
      throw userError('auth.none', `there is no ${FILE} in ${this.path}`, {
        hint: 'cloudskin auth init --out DIR makes one; --dir names it',
      });
    }
    return JSON.parse(readFileSync(file, 'utf8')) as Book;
  }

  write(book: Book): void {
    this.put(FILE, `${JSON.stringify(book, null, 2)}\n`);
  }

  newKey(name: string, key: KeyPair): KeyPair {
    this.put(join('keys', `${name}.nk`), `${seedOf(key)}\n`);
    return key;
  }

  /** Throws `auth.no-key`. */
  key(name: string): KeyPair {
    const file = join(this.path, 'keys', `${name}.nk`);
    if (existsSync(file)) return keyOf(readFileSync(file, 'utf8'));
    throw userError('auth.no-key', `the key of ${name} is not in ${join(this.path, 'keys')}`);
  }

  keyOr(name: string, make: () => KeyPair): KeyPair {
    return existsSync(join(this.path, 'keys', `${name}.nk`)) ? this.key(name) : this.newKey(name, make());
  }

  credentials(user: string): string {
    return join(this.path, 'creds', `${user}.creds`);
  }

  /** For the owner's eyes only; written aside first, so that whoever reads it meanwhile reads a whole one. */
  put(name: string, text: string): string {
    const file = join(this.path, name);
    const aside = `${file}.${process.pid}`;
    writeFileSync(aside, text, { mode: 0o600 });
    renameSync(aside, file);
    return file;
  }
}

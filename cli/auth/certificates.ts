/** Certificates of the servers: given ones, copied, or made by the openssl command under an authority of our own. */
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { externalError, userError } from '../../engine/errors.ts';

const run = promisify(execFile);

/** Days. */
const AUTHORITY = '3650';
const SERVER = '825';

export interface ServerHost {
  readonly name: string;
  readonly host: string;
}

export interface GivenCertificate {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Writes `ca.pem`, and `NAME.pem` and `NAME.key` for each server, into `directory`. Throws `auth.no-openssl`. */
export async function makeCertificates(directory: string, servers: readonly ServerHost[]): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', '/CN=cloudskin continuum', '-addext', 'basicConstraints=critical,CA:TRUE'];
  await openssl(directory, [
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    AUTHORITY,
    ...subject,
  ]);
  for (const { name, host } of servers) {
    await openssl(directory, ['req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`]);
    writeFileSync(join(directory, `${name}.ext`), `subjectAltName=${alternatives(host)}\n`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
    await openssl(directory, ['x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, '-days', SERVER, ...signed]);
  }
  for (const file of readdirSync(directory)) {
    if (/\.(csr|ext|srl)$/.test(file)) rmSync(join(directory, file));
    else chmodSync(join(directory, file), 0o600);
  }
}

function alternatives(host: string): string {
  const names = new Set([isIP(host) === 0 ? `DNS:${host}` : `IP:${host}`, 'DNS:localhost', 'IP:127.0.0.1']);
  return [...names].join(',');
}

async function openssl(directory: string, args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args, { cwd: directory, timeout: 30_000 });
  } catch (cause) {
    const absent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const reason = cause instanceof Error ? (cause.message.split('\n').at(-2) ?? cause.message) : String(cause);
    throw externalError('auth.no-openssl', absent ? 'openssl is not installed' : `openssl failed: ${reason}`, {
      hint: 'install it, or give certificates of your own: --tls-cert FILE --tls-key FILE --tls-ca FILE',
      cause,
    });
  }
}

/** The same certificate for all servers. Throws `auth.no-certificate`. */
export function takeCertificates(directory: string, given: GivenCertificate, servers: readonly ServerHost[]): void {
  for (const file of Object.values(given)) {
    if (!existsSync(file)) throw userError('auth.no-certificate', `there is no file ${file}`);
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const copies = servers.flatMap(({ name }) => [
    [given.cert, `${name}.pem`],
    [given.key, `${name}.key`],
  ]);
  for (const [from = '', to = ''] of [...copies, [given.ca, 'ca.pem']]) {
    copyFileSync(from, join(directory, to));
    chmodSync(join(directory, to), 0o600);
  }
}

/** What `cloudskin doctor` says of NATS: of the server installed here, and with `--nats` of one that runs. */
import { execFileSync } from 'node:child_process';
import type { DiskUse } from '../../engine/cluster/documents/disk-use.ts';
import { ARTIFACTS_BUCKET, CONTROL_BUCKET, REGIONS_BUCKET } from '../../engine/cluster/documents/names.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { missingFeatures } from '../../engine/nats/features.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import type { NatsAccess } from '../cluster/connect.ts';
import { findProgram } from './find-program.ts';

export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'missing' | 'optional';
  readonly detail: string;
  /** Of an agent's data directory, for programs. */
  readonly disk?: DiskUse;
}

const NAME = 'nats-server';

export function installedServer(): Finding {
  const path = process.env.CLOUDSKIN_NATS_SERVER ?? findProgram('nats-server');
  if (path === undefined) {
    const detail =
      'not installed; needed for `cloudskin up` and for agents on this machine: apt-get install nats-server';
    return { name: NAME, status: 'optional', detail };
  }
  const version = versionOf(path);
  if (version === undefined) return { name: NAME, status: 'missing', detail: `${path} does not say its version` };
  return { name: NAME, status: 'ok', detail: `${version} at ${path}${lacks(version)}` };
}

function versionOf(path: string): string | undefined {
  try {
    return /\d+\.\d+\.\d+/.exec(execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 3_000 }))?.[0];
  } catch {
    return undefined;
  }
}

function lacks(version: string): string {
  return missingFeatures(version)
    .map(({ missing, since }) => `; ${missing} (from ${since.replace(/\.0$/, '')} on)`)
    .join('');
}

export interface RunningServer {
  readonly nats: string;
  readonly access: NatsAccess;
  readonly domain?: string;
}

/** Connects, measures, and asks JetStream. */
export async function runningServer({ nats: url, access, domain }: RunningServer): Promise<Finding[]> {
  const shown = url.replace(/\/\/.*@/, '//***@');
  const { connectNats } = await import('../../engine/nats/client.ts');
  try {
    const nats = await connectNats({
      servers: url.split(','),
      name: 'cloudskin doctor',
      ...access,
    });
    try {
      const known = [await describe(nats, shown), ...(await expiring(access)), await jetStream(nats, domain)];
      return [...known, ...(await copies(nats))];
    } finally {
      await nats.close();
    }
  } catch (error) {
    const finding: Finding = { name: `NATS at ${shown}`, status: 'missing', detail: explain(error) };
    // A server that has just let them in may notice then that their time is over.
    return [finding, ...(finding.detail.includes('expired') ? [] : await expiring(access))];
  }
}

async function expiring({ credentials }: NatsAccess): Promise<Finding[]> {
  const { expiryOf } = await import('../auth/troubles.ts');
  // What cannot be read has been said already.
  const detail = await expiryOf(credentials, Date.now()).catch(() => undefined);
  return detail === undefined ? [] : [{ name: 'Credentials', status: 'optional', detail }];
}

async function describe(nats: Nats, shown: string): Promise<Finding> {
  const { name, version, maxPayload, cluster } = nats.info;
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    await nats.flush();
    times.push(performance.now() - start);
  }
  const facts = [
    `${version} (${name}${cluster === undefined ? '' : `, cluster ${cluster}`})`,
    `messages up to ${Math.floor(maxPayload / 1024)} KiB`,
    `round trip ${Math.min(...times).toFixed(2)} ms`,
  ];
  return { name: `NATS at ${shown}`, status: 'ok', detail: `${facts.join(', ')}${lacks(version)}` };
}

async function jetStream(nats: Nats, domain: string | undefined): Promise<Finding> {
  const name = domain === undefined ? 'JetStream' : `JetStream of ${domain}`;
  try {
    await nats.jetstream(domain).streamState('cs-doctor');
  } catch (error) {
    return { name, status: 'missing', detail: explain(error) };
  }
  const own = domain ?? nats.info.domain;
  const where =
    own === undefined
      ? 'answers, in no domain: agents behind leaf nodes that have one cannot reach a cloud here; jetstream { domain: hub } gives it one'
      : `answers, domain ${own}`;
  const detail = `${where}; it does not tell whether its configuration has sync_interval: always, without which a power failure may take what it has acknowledged`;
  return { name, status: 'ok', detail };
}

/** Whether a cluster of three keeps what it is there for; nothing where there is no cluster. */
async function copies(nats: Nats): Promise<Finding[]> {
  const { adviceOnCopies } = await import('../../engine/cluster/documents/buckets.ts');
  const streams = [`KV_${CONTROL_BUCKET}`, `KV_${REGIONS_BUCKET}`, `OBJ_${ARTIFACTS_BUCKET}`];
  const states = await Promise.all(streams.map((stream) => nats.jetstream().streamState(stream))).catch(() => []); // that JetStream does not answer has been said
  const detail = adviceOnCopies(nats.info, states);
  return detail === undefined ? [] : [{ name: 'Copies', status: 'optional', detail }];
}

function explain(error: unknown): string {
  if (!(error instanceof CloudskinError)) return String(error);
  return error.hint === undefined ? error.message : `${error.message}: ${error.hint}`;
}

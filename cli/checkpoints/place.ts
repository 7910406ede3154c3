/** Where the checkpoints are that a command is asked for: a directory, or the object stores of a cluster. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { stateBucket } from '../../engine/cluster/documents/names.ts';
import { CloudskinError, externalError, messageOf, userError } from '../../engine/errors.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { encryptedStore } from '../../engine/state/blobs/encrypted.ts';
import { objectsStore } from '../../engine/state/blobs/objects.ts';
import { type CheckpointStore, openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { type RegionName, regionsIn } from '../../engine/state/checkpoint/layout.ts';
import { checkpointsIn } from '../../engine/state/places.ts';
import { withCluster } from '../cluster/connect.ts';
import { readKeyFile } from '../place/key-file.ts';

export interface CheckpointFlags {
  readonly nats?: string;
  readonly creds?: string;
  readonly ca?: string;
  readonly namespace?: string;
  readonly region?: string;
  readonly domain?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

/** The checkpoints of one region. */
export interface RegionPlace extends RegionName {
  /** `directory out/checkpoints`. */
  readonly store: string;
  readonly checkpoints: CheckpointStore;
}

export interface Place {
  readonly description: string;
  /** One at least. */
  readonly regions: readonly RegionPlace[];
}

/** Throws `checkpoint.none` where there are none, `checkpoint.where` where the place is neither a directory nor an app. */
export async function withPlace(
  where: string,
  flags: CheckpointFlags,
  use: (place: Place) => Promise<void>,
): Promise<void> {
  const isDirectory = existsSync(where) && flags.nats === undefined;
  if (!isDirectory && !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(where)) {
    throw userError('checkpoint.where', `there is no directory ${where}, and no app has such a name`);
  }
  if (isDirectory) return withDirectory(where, flags, use);
  try {
    await withApp(where, flags, use);
  } catch (error) {
    if (!(error instanceof CloudskinError) || error.code !== 'nats.connect' || flags.nats !== undefined) throw error;
    const hint = `there is no directory ${where} either${error.hint === undefined ? '' : `; ${error.hint}`}`;
    throw externalError(error.code, error.message, { hint, cause: error });
  }
}

export async function withDirectory(
  where: string,
  flags: CheckpointFlags,
  use: (place: Place) => Promise<void>,
): Promise<void> {
  const key = await readKeyFile(flags.keyFile);
  await use(await placeOf(where, flags, [await directoryOf(where)], key));
}

/** Those of an app of a cluster. */
export async function withApp(
  app: string,
  flags: CheckpointFlags,
  use: (place: Place) => Promise<void>,
): Promise<void> {
  const key = await readKeyFile(flags.keyFile);
  await withCluster(flags, async ({ nats, url }) => {
    const namespace = flags.namespace ?? 'default';
    const stores = await objectStores(nats, url, { namespace, app }, flags.domain);
    await use(await placeOf(`app ${app}`, { ...flags, namespace }, stores, key));
  });
}

/** The directory of an agent, or of a run, has them in `checkpoints`. */
async function directoryOf(where: string): Promise<BlobStore> {
  const below = checkpointsIn(where);
  return openDirectory(resolve(existsSync(below) ? below : where));
}

async function placeOf(
  description: string,
  { namespace, region }: CheckpointFlags,
  stores: readonly BlobStore[],
  key: Uint8Array | undefined,
): Promise<Place> {
  const regions: RegionPlace[] = [];
  for (const plain of stores) {
    const store = key === undefined ? plain : encryptedStore(plain, key);
    for (const name of await regionsIn(store)) {
      const wanted = (namespace ?? name.namespace) === name.namespace && (region ?? name.region) === name.region;
      if (wanted) regions.push({ ...name, store: store.description, checkpoints: openCheckpoints({ ...name, store }) });
    }
  }
  if (regions.length > 0) return { description, regions };
  const of = region === undefined ? '' : ` of region ${region}`;
  throw userError('checkpoint.none', `there are no checkpoints${of} in ${description}`, {
    hint: 'a graph takes them where it says so: spec.checkpoint { every: 10s }',
  });
}

/** The buckets of an app that are there: reading makes none. */
async function objectStores(
  nats: Nats,
  url: string,
  { namespace, app }: { readonly namespace: string; readonly app: string },
  domain: string | undefined,
): Promise<readonly BlobStore[]> {
  const bucket = stateBucket({ namespace, app });
  const { domains, problem } = domain === undefined ? await domainsOf(nats, namespace, app) : { domains: [domain] };
  const stores: BlobStore[] = [];
  for (const one of new Set(domains)) {
    const jetstream = one === undefined || one === nats.info.domain ? nats.jetstream() : nats.jetstream(one);
    if ((await jetstream.streamState(`OBJ_${bucket}`)) === undefined) continue;
    stores.push(objectsStore(await jetstream.objects(bucket), one === undefined ? bucket : `${bucket} of ${one}`));
  }
  if (stores.length > 0) return stores;
  const message = `no checkpoints of app ${app} in namespace ${namespace} were found at ${url}`;
  throw userError('checkpoint.none', message, {
    hint:
      problem === undefined
        ? `if ${app} is a directory, it is not here; cloudskin list shows the apps there are`
        : `where else they may be is not known (${problem}); --domain names a JetStream domain`,
  });
}

/** Those that the assignment names, besides the one that we are connected to, which has to do where nobody knows of an assignment. */
async function domainsOf(
  nats: Nats,
  namespace: string,
  app: string,
): Promise<{ readonly domains: readonly (string | undefined)[]; readonly problem?: string }> {
  const [{ ClusterClient }, { realPorts }] = await Promise.all([
    import('../../engine/cluster/client.ts'),
    import('../../engine/ports.ts'),
  ]);
  const own = [nats.info.domain];
  try {
    const assignment = await new ClusterClient(nats, realPorts).assignment({ namespace, app });
    return { domains: [...own, ...Object.values(assignment?.regions ?? {}).map(({ domain }) => domain)] };
  } catch (error) {
    return { domains: own, problem: messageOf(error) };
  }
}

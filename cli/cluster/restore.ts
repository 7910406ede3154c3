/**
 * Takes an app back to an older checkpoint: only once it is known to be there and sound, and pinned meanwhile, because the app goes on taking
 * checkpoints, and forgetting old ones, until it is stopped.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import { stateBucket } from '../../engine/cluster/documents/names.ts';
import { type CloudskinError, externalError, messageOf, userError } from '../../engine/errors.ts';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import { encryptedStore } from '../../engine/state/blobs/encrypted.ts';
import { objectsStore } from '../../engine/state/blobs/objects.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { checkpointOf, isManifest, pinName, pinnedOf, regionPath } from '../../engine/state/checkpoint/layout.ts';
import type { Terminal } from '../output/terminal.ts';
import { readKeyFile } from '../place/key-file.ts';
import { appArguments, appTitle } from './app-words.ts';
import { changeAndTell } from './change-and-tell.ts';
import { isRunning } from './change-app.ts';
import type { ChangeFlags } from './change-command.ts';
import { type Connected, mustHaveApp, withCluster } from './connect.ts';

export interface RestoreFlags extends ChangeFlags {
  readonly keyFile?: string;
}

/** Milliseconds that whoever was deleting old checkpoints when the mark was set has to finish. */
const DELETING = 300;
/** At marking the newest before it is forgotten. */
const ATTEMPTS = 5;
/** Checkpoints that are named where the one that is wanted is not there. */
const SHOWN = 10;

interface Place {
  readonly name: AppName & { readonly region: string };
  readonly store: BlobStore;
}

/** `wanted`: a checkpoint; the newest as it is now unless given. Throws `state.several-regions`, `state.no-checkpoint` or `state.damaged` while the app still runs as it did. */
export async function restoreApp(
  app: string,
  wanted: number | undefined,
  flags: RestoreFlags,
  terminal: Terminal,
): Promise<void> {
  await withCluster(flags, async (connected) => {
    await mustHaveApp(connected.client, flags.namespace, app);
    const places = await placesOf(connected, { namespace: flags.namespace, app });
    mustBeOneRegion({ namespace: flags.namespace, app }, places);
    try {
      const checkpoint = await pinned(places, wanted);
      const key = await readKeyFile(flags.keyFile);
      for (const place of places) await mustBeSound(place, checkpoint, key, terminal);
      await sleep(DELETING);
      for (const place of places) await mustBeThere(place, checkpoint);
      await changeAndTell(app, flags, terminal, {
        change: (client, name) => client.restore(name, checkpoint),
        done: isRunning,
        doing: 'restoring',
        late: 'restore.not-done',
        is: `runs from checkpoint ${checkpoint}`,
      });
    } finally {
      for (const place of places) await unpin(place, terminal);
    }
  });
}

/**
 * Regions between durable streams complete their checkpoints each for themselves, and the streams keep what the newest one below has not covered:
 * older ones of several regions do not fit together, whatever their numbers, and rows between them would be missing or doubled.
 */
function mustBeOneRegion(app: AppName, places: readonly Place[]): void {
  if (places.length < 2) return;
  const regions = places.map(({ name }) => name.region).join(', ');
  throw userError(
    'state.several-regions',
    `${appTitle(app)} has durable streams between its regions (${regions}): none can go back alone`,
    {
      hint: `every region goes on from its newest checkpoint by itself; to begin anew: cloudskin deploy GRAPH --drop-state. Nothing was changed`,
    },
  );
}

/** Where each region of the app keeps its checkpoints. */
async function placesOf({ nats, client }: Connected, app: AppName): Promise<readonly Place[]> {
  const assignment = await client.assignment(app);
  const regions = Object.entries(assignment?.regions ?? {});
  const bucket = stateBucket(app);
  return Promise.all(
    regions.map(async ([region, { domain }]) => {
      const isOwn = domain === undefined || domain === nats.info.domain;
      const objects = await (isOwn ? nats.jetstream() : nats.jetstream(domain)).objects(bucket);
      return { name: { ...app, region }, store: objectsStore(objects, bucket) };
    }),
  );
}

/** Marks the checkpoint that is wanted; of an app that takes one a second the newest may be forgotten before the mark is set, and then there is a newer one. */
async function pinned(places: readonly Place[], wanted: number | undefined): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const checkpoint = wanted ?? (await newestOf(places));
    for (const place of places) await pin(place, checkpoint);
    if (wanted !== undefined || attempt === ATTEMPTS) return checkpoint;
    const there = await Promise.all(places.map(checkpointsOf));
    if (there.every((ids) => ids.includes(checkpoint))) return checkpoint;
  }
}

async function newestOf(places: readonly Place[]): Promise<number> {
  const [place] = places;
  const newest = place === undefined ? undefined : (await checkpointsOf(place)).at(-1);
  if (newest !== undefined) return newest;
  throw userError('state.no-checkpoint', `there is no checkpoint to go back to`, {
    hint: 'a graph takes them where it says so: spec.checkpoint { every: 10s }; nothing was changed',
  });
}

/** Those that are complete, rising. */
async function checkpointsOf({ name, store }: Place): Promise<readonly number[]> {
  const names = await store.list(`${regionPath(name)}/manifest/`);
  return names.flatMap((one) => (isManifest(one) ? (checkpointOf(one) ?? []) : [])).sort((a, b) => a - b);
}

async function pin({ name, store }: Place, checkpoint: number): Promise<void> {
  await store.put(`${regionPath(name)}/${pinName(checkpoint)}`, [new TextEncoder().encode('pinned')]);
}

/** Also marks that a command left behind which was killed. */
async function unpin({ name, store }: Place, terminal: Terminal): Promise<void> {
  try {
    for (const blob of await store.list(`${regionPath(name)}/pinned/`)) {
      if (pinnedOf(blob) !== undefined) await store.delete(blob);
    }
  } catch (error) {
    const reason = messageOf(error);
    terminal.err(`note: the mark on the checkpoint is left: ${reason}; the next restore takes it away\n`);
  }
}

async function mustBeThere(place: Place, checkpoint: number): Promise<void> {
  const there = await checkpointsOf(place);
  if (there.includes(checkpoint)) return;
  throw noCheckpoint(place.name, checkpoint, there);
}

/** `there`: rising. */
export function noCheckpoint(name: Place['name'], checkpoint: number, there: readonly number[]): CloudskinError {
  const shown = there.slice(-SHOWN).join(', ');
  const some = there.length > SHOWN ? `the last of ${there.length} are ${shown}` : `there are ${shown}`;
  const last = there.at(-1);
  const advice = `${some}; without --checkpoint the newest is taken, and spec.checkpoint.keep keeps more`;
  return userError(
    'state.no-checkpoint',
    `region ${name.region} of ${appTitle(name)} has no checkpoint ${checkpoint}`,
    {
      hint: `${last === undefined ? 'there are none' : advice}; nothing was changed`,
    },
  );
}

async function mustBeSound(
  place: Place,
  checkpoint: number,
  key: Uint8Array | undefined,
  terminal: Terminal,
): Promise<void> {
  await mustBeThere(place, checkpoint);
  const { name, store } = place;
  const checkpoints = openCheckpoints({ ...name, store: key === undefined ? store : encryptedStore(store, key) });
  const found = (await checkpoints.list()).find(({ id }) => id === checkpoint);
  const { manifest } = found ?? {};
  const problem = manifest === undefined ? (found?.problem ?? 'it is gone') : await checkpoints.verify(manifest);
  if (problem === undefined) return;
  if (key === undefined && problem.includes('encrypted')) {
    return terminal.err(`note: checkpoint ${checkpoint} is encrypted and was not checked: --key-file FILE\n`);
  }
  throw externalError('state.damaged', `checkpoint ${checkpoint} of region ${name.region} cannot be used: ${problem}`, {
    hint: `cloudskin checkpoint verify ${appArguments(name)} checks all there are; nothing was changed`,
  });
}

/**
 * Takes an app back to an older checkpoint: only once it is known to be there and sound, and pinned meanwhile, because the app goes on taking
 * checkpoints, and forgetting old ones, until it is stopped.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import { stateBucket } from '../../engine/cluster/documents/names.ts';
import { externalError, messageOf, userError } from '../../engine/errors.ts';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import { encryptedStore } from '../../engine/state/blobs/encrypted.ts';
import { objectsStore } from '../../engine/state/blobs/objects.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { manifestName, pinName, pinnedOf, regionPath } from '../../engine/state/checkpoint/layout.ts';
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

interface Place {
  readonly name: AppName & { readonly region: string };
  readonly store: BlobStore;
}

/** Throws `state.several-regions`, `state.no-checkpoint` or `state.damaged` while the app still runs as it did. */
export async function restoreApp(
  app: string,
  checkpoint: number,
  flags: RestoreFlags,
  terminal: Terminal,
): Promise<void> {
  await withCluster(flags, async (connected) => {
    await mustHaveApp(connected.client, flags.namespace, app);
    const places = await placesOf(connected, { namespace: flags.namespace, app });
    mustBeOneRegion({ namespace: flags.namespace, app }, places);
    try {
      for (const place of places) await pin(place, checkpoint);
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

async function mustBeThere({ name, store }: Place, checkpoint: number): Promise<void> {
  const names = await store.list(`${regionPath(name)}/manifest/`);
  if (names.includes(`${regionPath(name)}/${manifestName(checkpoint)}`)) return;
  throw userError('state.no-checkpoint', `region ${name.region} of ${appTitle(name)} has no checkpoint ${checkpoint}`, {
    hint: `cloudskin checkpoint list ${appArguments(name)} shows those there are; nothing was changed`,
  });
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

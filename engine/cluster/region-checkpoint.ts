/** The checkpoint that a region starts from, of those that there are in a store. */
import { userError } from '../errors.ts';
import type { Checkpoints } from '../state/checkpoints.ts';
import type { RegionContext, RegionName } from './region-context.ts';

export interface Limits {
  /** No later one. */
  readonly limit: number;
  /** That one and no other. */
  readonly exactly: boolean;
  /** Those of lower epochs are of an earlier time of the region. */
  readonly since: number;
}

/** Rejects with `state.no-checkpoint` or `state.no-sound-checkpoint` where there is nothing to start from, though there should be. */
export async function chooseCheckpoint(
  context: RegionContext,
  name: RegionName,
  store: Checkpoints,
  { limit, exactly, since }: Limits,
): Promise<number> {
  const { manifest, refused } = await store.newest(limit);
  const where = { namespace: name.namespace, app: name.app, region: name.region };
  for (const { id, problem } of refused) {
    context.log('warn', `checkpoint ${id} is refused: ${problem}`, { ...where, checkpoint: id, code: 'state.refused' });
  }
  const isOfNow = manifest !== undefined && manifest.epoch >= since;
  if (isOfNow && (manifest.id === limit || !exactly)) return manifest.id;
  const reason = refused.find(({ id }) => id === limit)?.problem;
  if (exactly) {
    throw userError('state.no-checkpoint', `region ${name.region} has no checkpoint ${limit}${because(reason)}`, {
      hint: 'cloudskin checkpoint list shows those there are',
    });
  }
  throw userError('state.no-sound-checkpoint', `no checkpoint of region ${name.region} can be used${because(reason)}`, {
    hint: 'deploy with --drop-state starts from the beginning and may repeat output',
  });
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`;
}

/**
 * Epochs. The coordinator gives a region an epoch that is a multiple of `STEP` and greater than any it knows of; the region's leader, which
 * may be cut off from the coordinator, counts up within the step at each restart. So whatever a leader does on its own stays
 * below the coordinator's next word, and a former owner of a fragment is fenced by the one number that every stream carries.
 */

/** Restarts that a leader may make on its own before the coordinator must speak again. */
export const STEP = 65_536;

/** The least epoch of the coordinator that is greater than all of `seen`. */
export function nextStep(seen: Iterable<number>): number {
  let greatest = 0;
  for (const epoch of seen) greatest = Math.max(greatest, epoch);
  return (Math.floor(greatest / STEP) + 1) * STEP;
}

/** What the coordinator gave, of an epoch. */
export function stepOf(epoch: number): number {
  return Math.floor(epoch / STEP) * STEP;
}

/** The epoch of the next start under the coordinator's `assigned`, after `seen`; undefined where the coordinator must speak first. */
export function nextEpoch(assigned: number, seen: number): number | undefined {
  if (assigned > seen) return assigned;
  const next = seen + 1;
  return stepOf(next) === assigned ? next : undefined;
}

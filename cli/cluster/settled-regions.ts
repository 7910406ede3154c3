/**
 * Regions that have ended need no agent, and nobody may be left to speak of them: then their records do. Records that cannot be reached say
 * nothing, as their agents say nothing.
 */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import type { RegionRecord } from '../../engine/cluster/documents/region-record.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';

/** Of the regions of an assignment that are not among `told`: those whose record says that they are over. */
export async function settledRegions(
  client: ClusterClient,
  assignment: AssignmentDocument,
  told: readonly RegionFigures[],
): Promise<readonly RegionFigures[]> {
  const untold = Object.entries(assignment.regions).filter(([name]) => !told.some(({ region }) => region === name));
  const records = await Promise.all(
    untold.map(([region, { domain }]) => client.regionRecord(assignment, region, domain).catch(() => undefined)),
  );
  return records.flatMap((record) => (record === undefined ? [] : settled(record, assignment)));
}

/** Of another deployment, or of a region that is to run, a record says nothing of what it is now. */
export function settled(record: RegionRecord, assignment: AssignmentDocument): readonly RegionFigures[] {
  const { namespace, app, region, deployed, epoch, checkpoint, finished, released } = record;
  const isStopped = released && (assignment.wanted === 'stopped' || assignment.wanted === 'undeployed');
  if (deployed !== assignment.deployed || !(finished || isStopped)) return [];
  const phase = finished ? 'finished' : 'stopped';
  return [{ namespace, app, region, deployed, revision: assignment.revision, epoch, phase, restarts: 0, checkpoint }];
}

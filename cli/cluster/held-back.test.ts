import { describe, expect, test } from 'vitest';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { SinkNode } from '../../engine/graph/plan.ts';
import { notShown, refusalOf } from './held-back.ts';
import type { AppOverview } from './overview.ts';

const file = { name: 'out', connector: 'file', holds: 'rows.ndjson' } as unknown as SinkNode;

function overviewOf(wanted: AppDocument['wanted'], ...phases: RegionFigures['phase'][]): AppOverview {
  const regions = phases.map((phase, index) => ({ region: `r${index}`, phase }) as RegionFigures);
  const assignment = { regions: Object.fromEntries(regions.map(({ region }) => [region, {}])) };
  return {
    document: { namespace: 'default', app: 'shop', wanted } as AppDocument,
    assignment: assignment as unknown as AssignmentDocument,
    fragments: [],
    regions,
  };
}

describe('undeploying an app that was stopped', () => {
  test('is refused where a sink holds output back that nothing would show any more', () => {
    const refusal = refusalOf(overviewOf('stopped', 'stopped'), [file]);
    expect(refusal).toMatchObject({ code: 'undeploy.held-back', domain: 'user' });
    expect(refusal?.message).toContain('sink "out" (file rows.ndjson)');
    expect(refusalOf(overviewOf('stopped', 'finished', 'stopped'), [file])).toBeDefined();
    expect(refusalOf(overviewOf('stopped'), [file])).toBeDefined();
  });

  test('is done where everything has flowed out, where no sink holds anything back, and where it runs', () => {
    expect(refusalOf(overviewOf('stopped', 'finished'), [file])).toBeUndefined();
    expect(refusalOf(overviewOf('stopped', 'stopped'), [])).toBeUndefined();
    expect(refusalOf(overviewOf('running', 'running'), [file])).toBeUndefined();
    expect(refusalOf(overviewOf('running', 'failed'), [file])).toBeUndefined();
    const flowing = overviewOf('stopped', 'stopped');
    expect(refusalOf({ ...flowing, document: { ...flowing.document, drain: true } }, [file])).toBeUndefined();
  });
});

test('what was dropped with an app that had failed is told', () => {
  expect(notShown(overviewOf('undeployed', 'failed'), [file])).toContain('sink "out" (file rows.ndjson)');
  expect(notShown(overviewOf('undeployed', 'finished'), [file])).toBe('');
});

/** What an agent knows of a region's record when its server knows less. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';
import type { KeyValue } from '../../nats/nats.ts';
import { realPorts } from '../../ports.ts';
import type { AgentStatus } from '../documents/status.ts';
import { AgentDisk } from './agent-disk.ts';
import { RegionRecords } from './region-records.ts';

const APP = { namespace: 'default', app: 'shop' };
const EMPTY = { get: () => Promise.resolve(undefined) } as Partial<KeyValue> as KeyValue;

const status = {
  site: 'plant',
  agent: 'other',
  regions: [
    { ...APP, region: 'main', deployed: 3, epoch: 65_537, checkpoint: 25, revision: 3, phase: 'running', restarts: 0 },
  ],
} as Partial<AgentStatus> as AgentStatus;

/** An agent that is started on this disk, and one that was started there before. */
async function started(blobs: MemoryBlobs): Promise<{ readonly disk: AgentDisk; readonly records: RegionRecords }> {
  const disk = new AgentDisk(blobs);
  await disk.open(realPorts);
  return {
    disk,
    records: new RegionRecords(
      () => Promise.resolve(EMPTY),
      () => undefined,
      disk,
      () => undefined,
    ),
  };
}

describe('an agent whose server has lost the record of a region that another one led', () => {
  it('knows how far that had come, also after a restart, where it ran something of it', async () => {
    const blobs = new MemoryBlobs();
    const before = await started(blobs);
    await before.disk.claim(APP, 'main', 65_537);
    before.records.hear(status);
    const { record } = await (await started(blobs)).records.load(APP, 'main', undefined);
    expect(record).toMatchObject({
      epoch: 65_537,
      checkpoint: 25,
      holder: { site: 'plant', agent: 'other' },
      incarnation: '',
    });
  });

  it('keeps nothing of regions that it has nothing to do with', async () => {
    const blobs = new MemoryBlobs();
    const before = await started(blobs);
    before.records.hear(status);
    expect((await before.records.load(APP, 'main', undefined)).record?.checkpoint).toBe(25);
    expect((await (await started(blobs)).records.load(APP, 'main', undefined)).record).toBeUndefined();
  });
});

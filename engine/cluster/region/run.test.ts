/** What one start of a region makes of a record whose fate it does not know. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';
import type { Entry, KeyValue } from '../../nats/nats.ts';
import { realPorts } from '../../ports.ts';
import { emptyAssignment } from '../coordinator/assign.ts';
import { versioned } from '../documents/document.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import { AgentDisk } from '../memory/agent-disk.ts';
import { RegionRecords } from '../memory/region-records.ts';
import { RegionRun } from './run.ts';

const name = { namespace: 'default', app: 'shop', region: 'main' };
const holder = { site: 'plant', agent: 'a' };
const epoch = 65_536;
const record: RegionRecord = {
  ...{ ...versioned, ...name, deployed: 1, epoch, holder, incarnation: 'x', released: false, finished: false },
  ...{ checkpoint: 0, reserved: 16 },
};

class FullBlobs extends MemoryBlobs {
  full = false;

  override put(blob: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.full ? Promise.reject(new Error('no space is left')) : super.put(blob, parts);
  }
}

/** A bucket of one key. */
function bucketOf(): KeyValue {
  let entry: Entry | undefined;
  const write = (key: string, value: Uint8Array): Promise<number> => {
    entry = { key, value, revision: (entry?.revision ?? 0) + 1, time: 0 };
    return Promise.resolve(entry.revision);
  };
  const bucket: Partial<KeyValue> = { get: () => Promise.resolve(entry), create: write, update: write };
  return bucket as KeyValue;
}

async function recordsOn(blobs: MemoryBlobs, bucket: KeyValue): Promise<RegionRecords> {
  const disk = new AgentDisk(blobs);
  await disk.open(realPorts);
  const noServer = (): undefined => undefined;
  return new RegionRecords(() => Promise.resolve(bucket), noServer, disk, noServer);
}

describe('a start of a region whose record the server has and its own disk has not', () => {
  it('builds nothing on it before its disk has it, too: a server that goes back must not be the only one that knew', async () => {
    const blobs = new FullBlobs();
    const records = await recordsOn(blobs, bucketOf());
    const revision = await records.save(record, undefined, 0);
    const app = { ...versioned, ...name, revision: 1, deployed: 1, wanted: 'running' as const, plan: 'p' };
    const assignment = emptyAssignment({ ...app, parameters: [], changed: 0 });
    const assigned = { epoch, leader: holder, handover: false };
    const run = new RegionRun({ assignment, region: 'main', assigned, record, revision });

    blobs.full = true;
    await expect(run.save(records, { checkpoint: 1 })).rejects.toThrow('no space is left');
    await expect(run.lostAt(records, 'x')).rejects.toThrow('no space is left');
    expect(run.inDoubt).toBe(true);
    expect(run.record.checkpoint).toBe(0);

    blobs.full = false;
    expect(await run.lostAt(records, 'x')).toBeUndefined();
    expect(run.inDoubt).toBe(false);
    expect(run.record.checkpoint).toBe(1);
    const forgotten = await recordsOn(blobs, bucketOf());
    expect((await forgotten.load(name, 'main', undefined)).record?.checkpoint).toBe(1);
  });
});

/** What an agent's own disk must not lose, and not give up on. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';
import { externalError } from '../../errors.ts';
import { realPorts } from '../../ports.ts';
import { AgentDisk } from './agent-disk.ts';

const APP = { namespace: 'default', app: 'shop' };

class FullBlobs extends MemoryBlobs {
  full = false;

  override put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.full ? Promise.reject(externalError('state.full', 'no space is left')) : super.put(name, parts);
  }
}

describe('the disk of an agent', () => {
  it('claims an epoch once the disk takes it, after it was full', async () => {
    const blobs = new FullBlobs();
    const disk = new AgentDisk(blobs);
    await disk.open(realPorts);
    blobs.full = true;
    await expect(disk.claim(APP, 'main', 65_537)).rejects.toMatchObject({ code: 'state.full' });
    await expect(disk.claim(APP, 'main', 65_537)).rejects.toMatchObject({ code: 'state.full' });
    blobs.full = false;
    expect(await disk.claim(APP, 'main', 65_537)).toBe(true);
    const again = new AgentDisk(blobs);
    await again.open(realPorts);
    expect(again.epochOf(APP, 'main')).toBe(65_537);
    expect(await again.claim(APP, 'main', 65_537)).toBe(false);
    expect(await again.claim(APP, 'main', 65_538)).toBe(true);
  });

  it('goes on without a document that it cannot read, sets it aside, and says so', async () => {
    const blobs = new MemoryBlobs();
    const old = new TextEncoder().encode('{"format":1,"oldest":1,"app":"shop","agents":7}');
    await blobs.put('assignments/default/shop.json', [old]);
    await blobs.put('epochs.json', [new TextEncoder().encode('{"format":9,"oldest":9}')]);
    const said: string[] = [];
    const disk = new AgentDisk(blobs, (level, message, fields) => said.push(`${level} ${fields?.code} ${message}`));
    await disk.open(realPorts);
    expect(await disk.assignments()).toEqual([]);
    expect(said).toEqual([
      expect.stringMatching(
        /^error cluster.newer-document epochs.json was written by .* kept as set-aside\/epochs.json/,
      ),
      expect.stringMatching(
        /^error cluster.bad-document assignments\/default\/shop.json.* the agent goes on without it$/,
      ),
    ]);
    expect(await blobs.get('set-aside/assignments/default/shop.json')).toEqual(old);
    expect(await blobs.list('assignments/')).toEqual([]);
    expect(await disk.claim(APP, 'main', 65_536)).toBe(true);
  });
});

/** What is removed of the output of sinks that nothing will go on from. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectors } from '../../../connectors/registry.ts';
import type { FragmentPlan } from '../../../engine/compile/fragment-plan.ts';
import type { SinkContext, SinkSpec } from '../../../engine/graph/connector.ts';
import { realPorts } from '../../../engine/ports.ts';
import { dropHeld } from './held-output.ts';

const name = 'out';
const input = { fields: [] };
const spec = connectors.find((one) => one.name === 'file')?.sink as SinkSpec;

describe('what sinks held back on an agent', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'held-output-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** As a process leaves it that was killed behind a checkpoint. */
  async function leave(app: string, epoch: number): Promise<void> {
    const context: SinkContext = {
      name,
      directory,
      signal: new AbortController().signal,
      ports: realPorts,
      bounded: true,
      stdout: () => undefined,
      color: false,
      width: 80,
      identity: `default/${app}/${name}`,
      epoch,
      checkpointed: true,
    };
    const sink = await spec.open(spec.options.parse({ path: 'out.csv' }), input, context);
    await sink.prepare?.(1, false);
    await sink.abort();
  }

  it('goes with the epochs that are over, whether the graph has a directory here or not; nothing else does', async () => {
    const options = spec.options.parse({ path: 'out.csv' });
    const sinks = [{ name, connector: 'file', options }];
    const plan = { namespace: 'default', app: 'shop', shares: new Map(), sinks } as unknown as FragmentPlan;
    for (const place of [directory, join(directory, 'gone')]) {
      await leave('other', 65_536);
      await leave('shop', 131_072);
      await leave('shop', 65_537);
      expect(readdirSync(directory)).toHaveLength(3);
      await dropHeld({ fragments: [plan], directory: place }, 131_071, directory);
      expect(readdirSync(directory).filter((file) => file.endsWith('-65537'))).toEqual([]);
      expect(readdirSync(directory)).toHaveLength(2);
      await dropHeld({ fragments: [plan], directory: place }, 196_607, directory);
      expect(readdirSync(directory)).toHaveLength(1);
    }
  });
});

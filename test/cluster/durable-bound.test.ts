/** A durable stream while the link is down for longer than its bound: what the graph says happens, nothing else, and the cloud's windows wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Severed } from './severed.ts';

const has = hasNats('installed');
const RATE = 2_500;

function numbers(rows: number): string {
  return `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: ${RATE}, rows: ${rows}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 }, durable: { maxBytes: 100KiB, onFull: dropOldest } }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;
}

/** Windows in the cloud over rows of both sides. */
function windows(rows: number): string {
  const source = `{ generate: { rate: ${RATE}, rows: ${rows}, start: 2026-01-01T00:00:00Z, columns: { at: { time: {} } } },
            schema: { at: "timestamp[ms]" }, time: { column: at, maxDelay: 0s } }`;
  return `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    far: ${source}
    here: ${source}
  operators:
    twice: { from: far, filter: "at IS NOT NULL", durable: { maxBytes: 100KiB } }
    seconds: { from: [twice, here], window: { tumbling: 1s }, aggregate: { rows: count(*) } }
  sinks:
    out: { from: seconds, file: { path: out.ndjson } }
  placement: { far: { tier: edge }, twice: { tier: edge }, here: { tier: cloud }, seconds: { tier: cloud }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;
}

describe.skipIf(!has)(
  has ? 'a durable stream at its bound' : `a durable stream at its bound: ${NO_NATS.installed}`,
  { timeout: 90_000 },
  () => {
    let stage: Severed;
    beforeEach(async () => {
      stage = await Severed.open();
    });
    afterEach(() => stage?.close());

    it('holds its source back, and the windows of the cloud wait: not one row is lost or late', async () => {
      await stage.deploy(windows(20_000));
      await stage.running('after_twice');
      stage.continuum.link.cut();
      const before = stage.output().length;
      const held = await stage.continuum.until(async () => {
        const before = await stage.at('plant');
        await sleep(600);
        const after = await stage.at('plant');
        return before !== undefined && after?.fragment.rowsIn === before.fragment.rowsIn ? after.fragment : undefined;
      });
      expect(held.rowsIn).toBeLessThan(18_000);
      expect(held.channels[0]?.queued).toBeGreaterThan(100 * 1024);
      expect(held.channels[0]?.queued).toBeLessThan(300 * 1024);
      expect(stage.output().length).toBeLessThan(before + 3);
      stage.continuum.link.heal();
      await stage.finished('after_twice', 'main');
      expect(stage.output().map(({ rows }) => rows)).toEqual(Array.from({ length: 8 }, () => 2 * RATE));
    });

    it('gives up its oldest rows where the graph says so, and counts them at both ends', async () => {
      await stage.deploy(numbers(20_000));
      await stage.running('after_twice');
      stage.continuum.link.cut();
      await stage.goesOn(7_000);
      expect((await stage.channel('plant'))?.lost).toBeGreaterThan(1_000);
      stage.continuum.link.heal();
      const lost = await stage.continuum.until(async () => {
        const [sent, received] = [await stage.channel('plant'), await stage.channel('hub')];
        return sent?.lost !== undefined && sent.lost === received?.lost ? sent.lost : undefined;
      });
      expect(await stage.continuum.ok('status', 'numbers')).toMatch(/twice .* durable .* rows given up/);
      await stage.finished('after_twice');
      const ids = stage.ids();
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      expect(ids.at(-1)).toBe(19_999);
      expect(ids.length).toBe(20_000 - lost);
    });
  },
);

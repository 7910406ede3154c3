/** A durable stream while the link is down for longer than its bound: what the graph says happens, nothing else, and the cloud's windows wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Severed } from './severed.ts';

const has = hasNats('installed');
const RATE = 2_500;

const NUMBERS = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    rows: { generate: { rate: ${RATE}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 }, durable: { maxBytes: 100KiB, onFull: dropOldest } }
  sinks:
    out: { from: twice, file: { path: out.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;

const SOURCE = `{ generate: { rate: ${RATE}, start: 2026-01-01T00:00:00Z, columns: { at: { time: {} } } },
            schema: { at: "timestamp[ms]" }, time: { column: at, maxDelay: 0s } }`;

/** Windows in the cloud over rows of both sides. */
const WINDOWS = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources:
    far: ${SOURCE}
    here: ${SOURCE}
  operators:
    twice: { from: far, filter: "at IS NOT NULL", durable: { maxBytes: 100KiB } }
    seconds: { from: [twice, here], window: { tumbling: 1s }, aggregate: { rows: count(*) } }
  sinks:
    out: { from: seconds, file: { path: out.ndjson } }
  placement: { far: { tier: edge }, twice: { tier: edge }, here: { tier: cloud }, seconds: { tier: cloud }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;

const BOUND = 100 * 1024;

describe.skipIf(!has)(
  has ? 'a durable stream at its bound' : `a durable stream at its bound: ${NO_NATS.installed}`,
  () => {
    let stage: Severed;
    beforeEach(async () => {
      stage = await Severed.open();
    });
    afterEach(() => stage?.close());

    it('holds its source back, and the windows of the cloud wait: not one row is lost or late', async () => {
      await stage.deploy(WINDOWS);
      await stage.running('after_twice');
      stage.continuum.link.cut();
      const before = stage.output().length;
      const held = await stage.continuum.until(async () => {
        const [first] = [await stage.at('plant'), await sleep(600)];
        const now = await stage.at('plant');
        // the log gives room back in pieces, so that less may wait than it holds
        const isFull = (now?.fragment.channels[0]?.queued ?? 0) > BOUND / 2;
        return isFull && now?.fragment.rowsIn === first?.fragment.rowsIn && now?.fragment;
      });
      expect(held.channels[0]?.queued).toBeLessThan(3 * BOUND);
      expect(stage.output().length).toBeLessThan(before + 3);
      stage.continuum.link.heal();
      await stage.goesOn(2 * RATE);
      await stage.continuum.ok('undeploy', 'numbers');
      const rows = stage.output().map((row) => Number(row.rows));
      const whole = rows.findIndex((count) => count !== 2 * RATE);
      // those after the last row from afar hold what comes from here
      expect(whole).toBeGreaterThan(held.rowsIn / RATE);
      expect(Math.max(...rows.slice(whole + 1))).toBeLessThanOrEqual(RATE);
    });

    it('gives up its oldest rows where the graph says so, and counts them at both ends', async () => {
      await stage.deploy(NUMBERS);
      await stage.running('after_twice');
      stage.continuum.link.cut();
      await stage.continuum.until(async () => ((await stage.channel('plant'))?.lost ?? 0) > 1_000);
      stage.continuum.link.heal();
      const lost = await stage.continuum.until(async () => {
        const [sent, received] = [await stage.channel('plant'), await stage.channel('hub')];
        const isOver = sent !== undefined && sent.queued < BOUND / 4;
        return isOver && sent.lost !== undefined && sent.lost === received?.lost && sent.lost;
      });
      expect(await stage.continuum.ok('status', 'numbers')).toMatch(/twice .* durable .* rows given up/);
      await stage.continuum.ok('undeploy', 'numbers');
      const ids = stage.ids();
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      expect((ids.at(-1) ?? 0) + 1 - ids.length).toBe(lost);
    });
  },
);

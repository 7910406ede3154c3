/** A few kills of real processes while real sensor data flows, to each kind of sink; `npm run test:kills` does hundreds. */
import { describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { hasSharedData } from '../kit/shared-data.ts';
import { SeededRandom } from '../simulation/nats/random.ts';
import type { Kind } from './assault.ts';
import { runCampaign } from './campaign.ts';
import { type SinkKind, sinkMissing } from './sinks.ts';

const KINDS: Readonly<Record<SinkKind, readonly Kind[]>> = {
  file: ['edge', 'cloud frozen', 'hub server'],
  jetstream: ['cloud', 'hub server', 'edge thread'],
  postgres: ['leader', 'database', 'cloud thread'],
};

function missing(sink: SinkKind): string | undefined {
  if (!hasNats('installed')) return NO_NATS.installed;
  return hasSharedData() ? sinkMissing(sink) : 'the shared inputs are not there';
}

describe('sensor data that flows across two sites while parts of them are killed', () => {
  for (const sink of ['file', 'jetstream', 'postgres'] as const) {
    const why = missing(sink);
    it.skipIf(why !== undefined)(
      `comes out once and whole, to ${sink}${why === undefined ? '' : `: ${why}`}`,
      async () => {
        const random = new SeededRandom(7);
        const { kills, rows, faults, logs } = await runCampaign({
          kills: 2,
          sink,
          kinds: KINDS[sink],
          seconds: 4,
          random: () => random.next(),
        });
        expect(faults, faults.length === 0 ? '' : logs().slice(-20_000)).toEqual([]);
        expect(kills.length).toBe(2);
        expect(rows).toBeGreaterThan(17_000);
      },
    );
  }
});

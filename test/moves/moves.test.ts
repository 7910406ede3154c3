/** Some moves while real sensor data flows; `npm run test:moves` does a thousand. */
import { describe, expect, it } from 'vitest';
import { hasSharedData } from '../kit/shared-data.ts';
import { SeededRandom } from '../simulation/nats/random.ts';
import { runCampaign } from './campaign.ts';
import { readings } from './graph.ts';
import { ASKED, asText, duckDbRows } from './oracle.ts';
import { verdictOf } from './verdict.ts';

const MOVES = 30;

describe('sensor data that flows while its graph is dealt to threads anew, again and again', () => {
  it.skipIf(!hasSharedData())('comes out once, whole and in order: it needs the shared inputs', async () => {
    const data = readings(2_400);
    const { moves, undisturbed, moved, failure } = await runCampaign({
      moves: MOVES,
      data,
      random: new SeededRandom(7),
    });
    expect(failure).toBeUndefined();
    expect(moves).toHaveLength(MOVES);
    expect(verdictOf(undisturbed, moved)).toMatchObject({ lost: 0, duplicated: 0, misplaced: 0, examples: [] });
    expect(moves.reduce((sum, { carried }) => sum + carried, 0)).toBeGreaterThan(MOVES * 5);
    expect(moves.every(({ completed }) => completed)).toBe(true);
    const asked = await duckDbRows(data);
    for (const sink of ASKED) expect(asText(moved.rows(sink)), sink).toEqual(asked.get(sink));
  });
});

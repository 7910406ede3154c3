/** Some moves while real sensor data flows; `npm run test:moves` does a thousand. */
import { queryObjects } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { Fragment } from '../../engine/runtime/fragment/fragment.ts';
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
    let most = 0;
    const asked = (count: number): void => {
      if (count >= MOVES - 5) most = Math.max(most, queryObjects(Fragment, { format: 'count' }));
    };
    const { moves, undisturbed, moved, failure } = await runCampaign({
      moves: MOVES,
      data,
      asked,
      random: new SeededRandom(7),
    });
    expect(failure).toBeUndefined();
    expect(moves).toHaveLength(MOVES);
    // of few plans at a time, each with ten and more
    expect(most).toBeLessThan(5 * 20);
    expect(verdictOf(undisturbed, moved)).toMatchObject({ lost: 0, duplicated: 0, misplaced: 0, examples: [] });
    expect(moves.reduce((sum, { carried }) => sum + carried, 0)).toBeGreaterThan(MOVES * 5);
    expect(moves.every(({ completed }) => completed)).toBe(true);
    const right = await duckDbRows(data);
    for (const sink of ASKED) expect(asText(moved.rows(sink)), sink).toEqual(right.get(sink));
  });
});

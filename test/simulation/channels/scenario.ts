/**
 * Channels over NATS under faults: senders and receivers in processes at an edge and in the cloud, each behind its own server, with a link
 * between them. Connections are lost, held and slow, processes die and stand still, servers are killed, ends are moved and recovered.
 */
import type { Outcome, Scenario } from '../scenario.ts';
import { Stage } from '../stage.ts';
import { faultKinds } from './faults.ts';
import { plants } from './plants.ts';
import { SimulatedChannels } from './simulated-channels.ts';

const PHASES = ['switching', 'connecting', 'idle', 'flowing', 'blocked', 'draining'];
/** Milliseconds in which faults begin. */
const TROUBLED = 4_000;
/** All must be well so long after the last fault. */
const CALM = 60_000;
const LOOK = 20;

export const channels: Scenario = {
  name: 'channels',
  kinds: faultKinds(undefined).map(({ kind }) => kind),
  phases: PHASES,
  plants,
  run,
};

async function run(seed: number, plant?: string): Promise<Outcome> {
  const stage = new Stage(seed, plant);
  const { clock } = stage.network;
  const continuum = new SimulatedChannels(stage, plant);
  let begun = false;
  void continuum.begin().then(() => {
    begun = true;
  });
  await clock.run(() => begun);
  const phase = (): string => stage.random.pick(continuum.lanes).phase;
  stage.plan(faultKinds(continuum), stage.random.integer(3, 9), TROUBLED, phase);
  const look = (): void => {
    for (const lane of continuum.lanes) lane.check();
    clock.after(LOOK, look);
  };
  look();
  await clock.run(() => false, TROUBLED);
  await clock.run(() => stage.under === 0);
  const limit = clock.now + CALM;
  const settled = (): boolean => stage.violations.length > 0 || continuum.lanes.every(({ done }) => done);
  await clock.run(settled, limit);
  if (!settled()) {
    const left = continuum.lanes.filter(({ done }) => !done);
    for (const { ledger, phase: now } of left) {
      stage.violate(`${ledger.channel}: ${ledger.taken} of ${ledger.length} came within ${CALM} ms of calm (${now})`);
    }
  }
  return stage.outcome('channels');
}

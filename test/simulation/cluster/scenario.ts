/**
 * A whole cluster under faults: agents with their coordinator, region leaders, fragments, channels and checkpoints, on two servers with a link. In the
 * end every row must have come out once, in order by key, and the app must have finished.
 */
import { defined } from '../../../engine/defined.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { type FaultKind, Stage } from '../stage.ts';
import { appPlan, appPlans } from './app.ts';
import { clusterFaults, forgetfulServers, lostCopies } from './faults.ts';
import { Mover } from './mover.ts';
import { plantCluster, plants, plantsOfMoves } from './plants.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

const PHASES = [
  'deploying',
  'starting',
  'running',
  'cutting',
  'completing',
  'committing',
  'recovering',
  'ending',
  'finished',
];
/** Short ones, or those in which much is at stake: half of the faults wait for one of them. */
const AIMED = ['starting', 'cutting', 'completing', 'committing', 'recovering', 'ending'];
/** Those of a change while rows flow. */
const MOVING = ['preparing', 'handing over'];
/** Milliseconds in which faults begin, after the app has been deployed. */
const TROUBLED = 12_000;
/** All must be well so long after the last fault. */
const CALM = 120_000;
const LOOK = 100;

export const cluster: Scenario = {
  name: 'cluster',
  kinds: [...clusterFaults(undefined), ...lostCopies(undefined)].map(({ kind }) => kind),
  phases: PHASES,
  plants,
  run: (seed, plant) =>
    run('cluster', seed, plant, (continuum) => [...clusterFaults(continuum), ...lostCopies(continuum)]),
};

/** The same with servers that forget what they had acknowledged: of two copies of everything one is left, on the disks of the agents. */
export const forgetful: Scenario = {
  name: 'forgetful',
  kinds: [...forgetfulServers(undefined), ...clusterFaults(undefined)].map(({ kind }) => kind),
  phases: PHASES,
  plants: [],
  run: (seed, plant) =>
    run('forgetful', seed, plant, (continuum) => {
      const [forgets, faults] = [forgetfulServers(continuum), clusterFaults(continuum)];
      return [...forgets, ...forgets, ...forgets, ...faults];
    }),
};

/** The same while a user moves operators between agents, and changes their partitions, all the time. */
export const moves: Scenario = {
  name: 'moves',
  kinds: cluster.kinds,
  phases: [...PHASES, ...MOVING],
  plants: plantsOfMoves,
  run: (seed, plant) =>
    run('moves', seed, plant, (continuum) => [...clusterFaults(continuum), ...lostCopies(continuum)]),
};

type FaultsOf = (continuum: SimulatedCluster) => readonly FaultKind[];

/** `forgetful`: servers lose what they had acknowledged. */
async function run(
  name: 'cluster' | 'forgetful' | 'moves',
  seed: number,
  plant: string | undefined,
  faults: FaultsOf,
): Promise<Outcome> {
  // in the machine's own time, and so before the clock starts: the first seed of a process is to be like any other
  await appPlans();
  const stage = new Stage(seed, plant);
  const { clock } = stage.network;
  const continuum = new SimulatedCluster(stage, plantCluster(plant));
  continuum.begin();
  await clock.run(() => stage.now > 400);
  const aimed = name === 'moves' ? [...AIMED, ...MOVING, ...MOVING] : AIMED;
  stage.plan(faults(continuum), stage.random.integer(3, 7), TROUBLED, () => continuum.phase, aimed);
  const mover = name === 'moves' ? await moverOf(continuum) : undefined;
  void mover?.run(stage.now + TROUBLED);
  let finished = false;
  const look = (): void => {
    finished = continuum.finished;
    stage.reached(continuum.phase);
    if (name !== 'forgetful') continuum.records.look();
    mover?.look();
    if (!finished) clock.after(LOOK, look);
  };
  look();
  const over = (): boolean => stage.violations.length > 0;
  await clock.run(over, stage.now + TROUBLED);
  await clock.run(() => stage.under === 0 || over());
  await clock.run(() => finished || over(), stage.now + CALM);
  if (!over()) {
    if (!finished) stage.violate(`not finished within ${CALM} ms of calm: ${continuum.phases.join(', ')}`);
    else continuum.compare();
  }
  return { ...stage.outcome(name), ...defined({ moves: mover?.moves }) };
}

async function moverOf(continuum: SimulatedCluster): Promise<Mover> {
  const { namespace, name } = await appPlan(continuum.variant);
  return new Mover(continuum, { namespace, app: name });
}

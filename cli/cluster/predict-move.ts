/** `move --dry-run`: what a move would come to, out of what agents say of the cells, their last checkpoints and the links between them. A guess, and told as one. */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { ForeseenMove } from '../../engine/cluster/coordinator/try-moving.ts';
import { type AgentName, agentLabel, sameAgent } from '../../engine/cluster/documents/names.ts';
import type { AgentStatus, RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { defined } from '../../engine/defined.ts';
import { successionOf } from '../../engine/runtime/handover/succession.ts';
import { size } from '../output/figures.ts';
import type { FoundCell } from './find-cell.ts';
import { placesText, timeText } from './move-text.ts';
import { ANSWERS } from './overview.ts';

/** Bytes a second that a link is taken to carry: within an agent, within a site, between sites. */
const WITHIN_AGENT = 1_000_000_000;
const WITHIN_SITE = 100_000_000;
const BETWEEN_SITES = 12_500_000;
/** Milliseconds that a region needs to stop and to start again, besides its last checkpoint; and that a handover needs, besides what is sent. */
const RESTART = 400;
const HANDOVER = 15;
const PINGS = 3;
const PING = 1_000;

interface Options {
  readonly pauseBudget: number | undefined;
  readonly json: boolean;
}

export interface Prediction {
  readonly how: 'live' | 'restart';
  readonly why?: string;
  /** Milliseconds; with a budget, of a live move: no more than that and a round trip. */
  readonly pause: number;
  readonly total: number;
  /** Of state that is sent, at least. */
  readonly bytes: number;
  /** Milliseconds from here to the agents concerned, and bytes a second that the link is taken to carry. */
  readonly roundTrip: number;
  readonly bandwidth: number;
}

export async function predict(
  client: ClusterClient,
  found: FoundCell,
  foreseen: ForeseenMove,
  { pauseBudget, json }: Options,
): Promise<string> {
  const statuses = await client.ask(ANSWERS, undefined, found.name);
  const ends = endsOf(foreseen);
  const roundTrip = await roundTripOf(client, ends, statuses);
  const bandwidth = Math.min(...ends.map(([from, to]) => bandwidthOf(from, to)), WITHIN_AGENT);
  const link = { roundTrip, bandwidth };
  const given =
    foreseen.how === 'live' ? live(found, foreseen, statuses, link, pauseBudget) : restart(foreseen, statuses, link);
  const prediction: Prediction = { how: foreseen.how, ...defined({ why: foreseen.why }), ...given, ...link };
  const { namespace, app } = found.name;
  if (json) {
    const moved = foreseen.entries;
    return `${JSON.stringify({ app, namespace, dryRun: true, moved, predicted: prediction })}\n`;
  }
  return textOf(foreseen, prediction);
}

function textOf(
  { entries }: ForeseenMove,
  { how, why, pause, total, bytes, roundTrip, bandwidth }: Prediction,
): string {
  const lines = entries.map(({ entry, from, to }) => `${entry}: ${placesText(from)} -> ${placesText(to)}`);
  const manner =
    how === 'live' ? 'live, while rows flow' : `by a restart: ${why ?? 'it cannot be done while rows flow'}`;
  return [
    ...lines,
    `predicted: ${manner}`,
    `predicted: pause ${timeText(pause)}, total ${timeText(total)}, ${size(bytes)} of state, lost 0, duplicated 0`,
    `taken: a round trip of ${timeText(roundTrip)}, ${size(bandwidth)} a second`,
    'nothing was changed\n',
  ].join('\n');
}

type Link = Pick<Prediction, 'roundTrip' | 'bandwidth'>;
type Guess = Pick<Prediction, 'pause' | 'total' | 'bytes'>;

/** What is sent while rows are held up is at most all of the state, and with a budget no more than fits it. */
function live(
  found: FoundCell,
  foreseen: ForeseenMove,
  statuses: readonly AgentStatus[],
  { roundTrip, bandwidth }: Link,
  budget: number | undefined,
): Guess {
  const bytes = carriedBytes(found, foreseen, statuses);
  const sending = (bytes / bandwidth) * 1_000;
  const pause = HANDOVER + roundTrip + Math.min(sending, budget ?? Number.POSITIVE_INFINITY);
  return { bytes, pause, total: sending + 4 * roundTrip + pause };
}

/** As long as its last checkpoint took, and what it takes to stop and start. */
function restart({ regions }: ForeseenMove, statuses: readonly AgentStatus[], { roundTrip }: Link): Guess {
  const all = statuses.flatMap((status) => status.regions).filter(({ region }) => regions.includes(region));
  const took = Math.max(0, ...all.map(tookOf));
  const bytes = all.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const pause = Math.max(RESTART, ...all.map(({ move }) => (move?.how === 'restart' ? move.pause : 0))) + 2 * roundTrip;
  return { bytes, pause, total: took + pause };
}

function tookOf({ took = 0 }: RegionFigures): number {
  return took;
}

/** State of the cells that do not go on where they are. */
function carriedBytes(
  found: FoundCell,
  { regions, distributed }: ForeseenMove,
  statuses: readonly AgentStatus[],
): number {
  const of = (plan: DistributedPlan) => plan.fragments.filter(({ region }) => regions.includes(region));
  const carried = new Set<string>();
  for (const { cells } of successionOf(of(found.plan), of(distributed)).values()) {
    for (const { how, from } of cells.values()) {
      if (how === 'carry') for (const { fragment, cell } of from) carried.add(`${fragment} ${cell}`);
    }
  }
  const fragments = statuses.flatMap((status) => status.fragments.filter(({ app }) => app === found.name.app));
  const nodes = fragments.flatMap(({ fragment, nodes: own = [] }) =>
    own.filter(({ name }) => carried.has(`${fragment} ${name}`)),
  );
  return nodes.reduce((sum, { memory }) => sum + memory, 0);
}

type End = readonly [AgentName, AgentName];

/** From where to where something goes. */
function endsOf({ entries }: ForeseenMove): readonly End[] {
  const found = new Map<string, End>();
  for (const { from, to } of entries) {
    for (const here of from)
      for (const there of to) found.set(`${agentLabel(here)} ${agentLabel(there)}`, [here, there]);
  }
  return [...found.values()];
}

function bandwidthOf(from: AgentName, to: AgentName): number {
  if (sameAgent(from, to)) return WITHIN_AGENT;
  return from.site === to.site ? WITHIN_SITE : BETWEEN_SITES;
}

/** The longest that an agent at either end takes to answer this command. */
async function roundTripOf(
  client: ClusterClient,
  ends: readonly End[],
  statuses: readonly AgentStatus[],
): Promise<number> {
  const apart = ends.filter(([from, to]) => !sameAgent(from, to));
  if (apart.length === 0) return 0;
  const agents = statuses.filter((status) => apart.some((pair) => pair.some((end) => sameAgent(end, status))));
  const times = await Promise.all(agents.map((agent) => ping(client, agent)));
  return Math.max(0, ...times);
}

async function ping(client: ClusterClient, agent: AgentName): Promise<number> {
  let least = PING;
  for (let count = 0; count < PINGS; count++) {
    const before = performance.now();
    const answered = await client.logs(agent, { after: Number.MAX_SAFE_INTEGER, limit: 1 }, PING).then(
      () => true,
      () => false,
    );
    if (answered) least = Math.min(least, performance.now() - before);
  }
  return least;
}

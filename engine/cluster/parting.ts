/**
 * An agent that is about to leave for good has others take over what it runs: the coordinator hears that it wants to, and gives to agents of its site, or of others where
 * the graph allows it, what these may run; meanwhile all goes on. What nobody takes stays for a last checkpoint.
 */
import type { Ports } from '../ports.ts';
import { pause } from '../ports.ts';
import type { AssignmentDocument } from './documents/assignment.ts';
import { type AgentName, sameAgent } from './documents/names.ts';
import type { AgentStatus, RegionPhase } from './documents/status.ts';
import type { HostedFragment } from './fragment/hosted-fragment.ts';
import type { Neighbour } from './presence/neighbours.ts';
import { PARTING_ANSWERS } from './process/timing.ts';

export interface PartingOptions {
  readonly ports: Ports;
  readonly name: AgentName;
  /** It hears the agents of all sites. */
  readonly hearsAll: boolean;
  readonly neighbours: { readonly all: Iterable<Neighbour>; isAlive(agent: AgentName): boolean };
  readonly assignments: { readonly all: Iterable<AssignmentDocument> };
  readonly fragments: () => Iterable<HostedFragment>;
  readonly leaders: () => Iterable<{ readonly phase: RegionPhase }>;
}

/** Milliseconds between two looks. */
const LOOK = 50;
const AT_WORK: ReadonlySet<RegionPhase> = new Set(['starting', 'running', 'stopping']);

/** Resolves when all has been taken over, when what is left nobody takes, or after so many milliseconds. */
export async function part(options: PartingOptions, within: number): Promise<void> {
  const { ports } = options;
  const until = ports.monotonic() + within;
  let changed = ports.monotonic();
  let before = '';
  while (ports.monotonic() < until && runsHere(options) && hasHeirs(options)) {
    const assigned = assignedHere(options);
    const isMoving = [...options.fragments()].some(({ runs, wish }) => runs && !assigned.includes(labelOf(wish)));
    if (isMoving || assigned.join() !== before) changed = ports.monotonic();
    before = assigned.join();
    if (ports.monotonic() - changed > PARTING_ANSWERS) return;
    await pause(ports, LOOK);
  }
}

function runsHere({ fragments, leaders }: PartingOptions): boolean {
  return [...fragments()].some(({ runs }) => runs) || [...leaders()].some(({ phase }) => AT_WORK.has(phase));
}

/** Whether anybody is there who stays; an agent of an edge hears only those of its site. */
function hasHeirs({ neighbours, name, hearsAll }: PartingOptions): boolean {
  if (!hearsAll) return true;
  const stays = (status: AgentStatus): boolean =>
    status.parting !== true && !sameAgent(status, name) && neighbours.isAlive(status);
  return [...neighbours.all].some(({ status }) => stays(status));
}

function assignedHere({ assignments, name }: PartingOptions): readonly string[] {
  return [...assignments.all].flatMap(({ namespace, app, fragments }) =>
    Object.entries(fragments).flatMap(([fragment, { host }]) =>
      sameAgent(host, name) ? [labelOf({ namespace, app, fragment })] : [],
    ),
  );
}

function labelOf({ namespace, app, fragment }: { namespace: string; app: string; fragment: string }): string {
  return `${namespace}/${app} ${fragment}`;
}

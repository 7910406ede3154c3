/** How far a move is that was asked for: whether the coordinator has placed it, and every region that it concerns has come to rest where it is to be. */
import { CloudskinError, externalError } from '../errors.ts';
import { type Ports, pause } from '../ports.ts';
import type { ClusterClient } from './client.ts';
import type { AppDocument } from './documents/app.ts';
import type { AssignmentDocument } from './documents/assignment.ts';
import { appLabel } from './documents/names.ts';
import type { MoveReceipt, RegionFigures } from './documents/status.ts';
import { FINISHES } from './process/timing.ts';

/** Milliseconds. */
const LOOK = 100;
const ANSWERS = 500;
/** That the receipt of a region may come after the region runs in its new place, longer than its former fragments may take to finish; and that a region may say why it stays before it does. */
const RECEIPT: number = FINISHES + 5_000;
const STAYS = 3_000;

export interface Moved {
  readonly document: AppDocument;
  readonly assignment: AssignmentDocument;
  /** A region without one did not run, or began anew. */
  readonly receipts: readonly (MoveReceipt & { readonly region: string })[];
}

/** Of one move; keeps since when something has been so. */
export class AwaitedMove {
  readonly document: AppDocument;
  readonly #before: AssignmentDocument;
  readonly #ports: Ports;
  readonly #since = new Map<string, number>();

  /** `before`: the assignment when it was asked for. */
  constructor(document: AppDocument, before: AssignmentDocument, ports: Ports) {
    this.document = document;
    this.#before = before;
    this.#ports = ports;
  }

  /** Whether a region of the assignment is where it is to be. Throws `move.stays` where it stays for good where it was. */
  isDone(region: RegionFigures | undefined, assignment: AssignmentDocument | undefined): boolean {
    const { document } = this;
    if (region === undefined || assignment === undefined || !hasAsked(assignment, document)) return false;
    const epoch = assignment.regions[region.region]?.epoch ?? 0;
    if (this.#before.regions[region.region]?.epoch === epoch) return true;
    if (region.phase === 'stopped' || region.phase === 'finished') return true;
    if (region.phase !== 'running' || region.revision < document.revision) return false;
    if ((region.move?.revision ?? 0) >= document.revision) return true;
    if (region.epoch >= epoch) return this.#lasts(`${region.region} runs`) > RECEIPT;
    if (region.trouble !== undefined && this.#lasts(`${region.region} stays`) > STAYS) throw stays(region);
    return false;
  }

  #lasts(what: string): number {
    const now = this.#ports.monotonic();
    const since = this.#since.get(what) ?? now;
    this.#since.set(what, since);
    return now - since;
  }
}

export function receiptsOf(document: AppDocument, regions: readonly RegionFigures[]): Moved['receipts'] {
  return regions.flatMap(({ namespace, app, region, move }) => {
    const isOne = namespace === document.namespace && app === document.app;
    return !isOne || move === undefined || move.revision < document.revision ? [] : [{ region, ...move }];
  });
}

/** Resolves when it is done; rejects with what stands in the way, `move.stays`, or `move.not-done` after so many milliseconds. */
export async function awaitMove(
  client: ClusterClient,
  awaited: AwaitedMove,
  ports: Ports,
  timeout: number,
): Promise<Moved> {
  const { document } = awaited;
  const until = ports.monotonic() + timeout;
  for (;;) {
    const assignment = await client.assignment(document);
    const [trouble] = assignment !== undefined && assignment.revision >= document.revision ? assignment.troubles : [];
    if (trouble !== undefined) throw new CloudskinError(trouble.code, trouble.message, { domain: 'user' });
    const names = Object.keys(assignment?.regions ?? {});
    const isMine = ({ namespace, app }: RegionFigures): boolean =>
      namespace === document.namespace && app === document.app;
    const isTold = (all: readonly RegionFigures[]): boolean =>
      names.every((name) => all.some((one) => isMine(one) && one.region === name));
    const statuses = await client.ask(ANSWERS, (all) => isTold(all.flatMap(({ regions }) => regions)));
    const regions = newest(statuses.flatMap((one) => one.regions.filter(isMine)));
    const done = names.every((name) => awaited.isDone(regions.get(name), assignment));
    if (assignment !== undefined && names.length > 0 && done) {
      return { document, assignment, receipts: receiptsOf(document, [...regions.values()]) };
    }
    if (ports.monotonic() > until) throw late(document, timeout);
    await pause(ports, LOOK);
  }
}

function newest(regions: readonly RegionFigures[]): ReadonlyMap<string, RegionFigures> {
  const found = new Map<string, RegionFigures>();
  for (const region of regions) {
    if ((found.get(region.region)?.epoch ?? -1) < region.epoch) found.set(region.region, region);
  }
  return found;
}

function hasAsked({ overrides: done = {} }: AssignmentDocument, { overrides = {}, revision }: AppDocument): boolean {
  return Object.entries(overrides).every(
    ([entry, { asked }]) => asked < revision || (done[entry]?.asked ?? 0) >= asked,
  );
}

function stays({ region, trouble }: RegionFigures): CloudskinError {
  return externalError(
    'move.stays',
    `region ${region} stays where it was: ${trouble?.message ?? 'no reason was given'}`,
  );
}

function late(document: AppDocument, timeout: number): CloudskinError {
  return externalError(
    'move.not-done',
    `moving cells of ${appLabel(document)} is not done after ${timeout / 1_000} s`,
    {
      retry: true,
      hint: 'it goes on by itself; cloudskin status tells how far it is',
    },
  );
}

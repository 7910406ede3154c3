/** The regions that an agent leads: follows the assignments, hears reports, and lets go of a region once it has been ended here. */
import type { Nats, Subscription } from '../../nats/nats.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { decodeReport, type FragmentReport, type Wish } from '../documents/messages.ts';
import { type AppName, appLabel, reportSubject, sameAgent } from '../documents/names.ts';
import type { RegionFigures } from '../documents/status.ts';
import type { RegionContext } from './context.ts';
import { RegionLeader } from './leader.ts';

interface Led {
  readonly leader: RegionLeader;
  readonly reports: Subscription;
}

export class LedRegions {
  readonly #context: RegionContext;
  readonly #nats: Nats;
  readonly #changed: () => void;
  readonly #led = new Map<string, Led>();

  constructor(nats: Nats, context: RegionContext, changed: () => void) {
    this.#nats = nats;
    this.#context = context;
    this.#changed = changed;
  }

  follow(assignment: AssignmentDocument): void {
    for (const [region, { leader }] of Object.entries(assignment.regions)) {
      const mine = sameAgent(leader, this.#context.name);
      const { namespace, app } = assignment;
      if (mine && !this.#led.has(labelOf({ namespace, app, region })))
        this.#lead({ namespace, app, region }, assignment);
    }
    for (const [label, { leader, reports }] of this.#led) {
      if (appLabel(leader.name) !== appLabel(assignment)) continue;
      leader.follow(assignment);
      if (!leader.idle) continue;
      this.#led.delete(label);
      reports.close();
      void leader.close();
    }
  }

  /** True where the region is led here. */
  deliver(wish: Wish, report: FragmentReport): boolean {
    const led = this.#led.get(labelOf(wish));
    led?.leader.hear(report);
    return led !== undefined && sameAgent(wish.leader, this.#context.name);
  }

  /** Whether a region of the app is led here and has not ended. */
  leads(app: AppName): boolean {
    return [...this.#led.values()].some(
      ({ leader }) =>
        appLabel(leader.name) === appLabel(app) && leader.phase !== 'stopped' && leader.phase !== 'finished',
    );
  }

  figures(): readonly RegionFigures[] {
    return [...this.#led.values()].map(({ leader }) => leader.figures());
  }

  leaders(): readonly RegionLeader[] {
    return [...this.#led.values()].map(({ leader }) => leader);
  }

  async close(): Promise<void> {
    const all = [...this.#led.values()];
    for (const { reports } of all) reports.close();
    await Promise.all(all.map(({ leader }) => leader.close()));
  }

  #lead(name: RegionName, assignment: AssignmentDocument): void {
    const leader: RegionLeader = new RegionLeader(name, assignment, this.#context, () => this.#moved(labelOf(name)));
    const reports = this.#nats.subscribe(reportSubject(name, name.region), ({ data }) =>
      leader.hear(decodeReport(data)),
    );
    this.#led.set(labelOf(name), { leader, reports });
  }

  /** A leader that has ended what it led for somebody else has nothing more to do. */
  #moved(label: string): void {
    const led = this.#led.get(label);
    if (led?.leader.idle === true) {
      this.#led.delete(label);
      led.reports.close();
      led.leader.close().catch(() => undefined);
    }
    this.#changed();
  }
}

function labelOf(region: RegionName): string {
  return `${appLabel(region)}/${region.region}`;
}

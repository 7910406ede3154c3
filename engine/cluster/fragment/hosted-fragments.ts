/**
 * The fragments that an agent runs: hears what leaders wish of them and reports. Which ones it is to listen for comes from the assignments; what
 * to do with them only from their leaders, except that a fragment that has been given to another agent is let go of.
 */
import type { Message, Nats, Subscription } from '../../nats/nats.ts';
import type { Timer } from '../../ports.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { encodeDocument } from '../documents/document.ts';
import { stepOf } from '../documents/epochs.ts';
import { decodeWish, type FragmentReport, type Wish } from '../documents/messages.ts';
import { type AppName, appLabel, reportSubject, sameAgent, wishSubject } from '../documents/names.ts';
import type { FragmentFigures } from '../documents/status.ts';
import { ABANDONED } from '../process/timing.ts';
import { fragmentFigures } from './figures.ts';
import { Generations } from './generations.ts';
import type { FragmentContext, HostedFragment } from './hosted-fragment.ts';

export interface HostingContext extends FragmentContext {
  readonly nats: Nats;
  /** Hands a report to a leader on this agent; false where it is not here. */
  readonly deliver: (wish: Wish, report: FragmentReport) => boolean;
  /** Something that heartbeats tell has changed. */
  readonly changed: () => void;
}

interface Listening {
  readonly app: AppName;
  readonly fragment: string;
  readonly region: string;
  readonly subscription: Subscription;
  /** The last that was assigned; 0 where the fragment is not this agent's any more. */
  epoch: number;
  /** Until it is let go of: as long as no leader says anything of it. */
  patience?: { readonly timer: Timer; readonly release: () => void };
}

export class HostedFragments {
  readonly #context: HostingContext;
  readonly #fragments = new Map<string, Generations>();
  readonly #listening = new Map<string, Listening>();

  constructor(context: HostingContext) {
    this.#context = context;
  }

  /** Listens for what is assigned to this agent, and lets go of what is not any more. */
  follow(assignment: AssignmentDocument): void {
    const mine = new Map<string, string>();
    for (const [fragment, { host, region }] of Object.entries(assignment.fragments)) {
      if (sameAgent(host, this.#context.name)) mine.set(fragment, region);
    }
    for (const [fragment, region] of mine)
      this.#listen(assignment, fragment, region, assignment.regions[region]?.epoch ?? 0);
    for (const [label, listening] of this.#listening) {
      if (appLabel(listening.app) !== appLabel(assignment) || mine.has(listening.fragment)) continue;
      this.#letGo(label, listening, assignment);
    }
  }

  /** From a leader, wherever it is. */
  take(wish: Wish): void {
    const label = labelOf(wish, wish.fragment);
    const known = this.#fragments.get(label);
    if (known !== undefined) {
      const fragment = known.take(wish);
      this.#report(fragment.wish, fragment.report());
    } else if (wish.goal === 'stopped') this.#report(wish, this.#notHere(wish));
    else this.#fragments.set(label, new Generations(wish, this.#context, (one) => this.#changed(one)));
    const listening = this.#listening.get(label);
    if (listening?.patience !== undefined) this.#wait(listening, listening.patience.release);
  }

  /** `nodes`: an app whose nodes are wanted, too, as `<namespace>/<app>`. */
  figures(nodes?: string): readonly FragmentFigures[] {
    return this.fragments().map((fragment) => fragmentFigures(fragment, appLabel(fragment.wish) === nodes));
  }

  fragments(): readonly HostedFragment[] {
    return [...this.#fragments.values()].map(({ shown }) => shown);
  }

  /** Forgets what ran here of an app; false while something of it still runs. */
  forget(app: AppName): boolean {
    const all = [...this.#fragments].filter(([, { current }]) => appLabel(current.wish) === appLabel(app));
    const isOver = (one: HostedFragment): boolean => one.idle || one.phase === 'finished';
    if (!all.every(([, fragment]) => fragment.all.every(isOver))) return false;
    for (const [label, fragment] of all) {
      this.#fragments.delete(label);
      void fragment.close();
    }
    return true;
  }

  async close(): Promise<void> {
    for (const { subscription, patience } of this.#listening.values()) {
      subscription.close();
      patience?.timer.cancel();
    }
    await Promise.all([...this.#fragments.values()].map((fragment) => fragment.close()));
  }

  #listen(app: AppName, fragment: string, region: string, epoch: number): void {
    const label = labelOf(app, fragment);
    const known = this.#listening.get(label);
    if (known !== undefined) {
      known.epoch = epoch;
      return;
    }
    const subscription = this.#context.nats.subscribe(wishSubject(app, fragment), (message) => this.#heard(message));
    const { namespace, app: name } = app;
    this.#listening.set(label, { app: { namespace, app: name }, fragment, region, subscription, epoch });
    this.#absent(app, region, fragment);
  }

  /** Tells a leader that thinks this agent runs a fragment, from before it was started anew, that it does not; at epoch 0 where its disk knows of none. */
  #absent(app: AppName, region: string, fragment: string): void {
    if (this.#fragments.has(labelOf(app, fragment))) return;
    const { name, incarnation, nats, disk } = this.#context;
    const epoch = disk.epochOf(app, region);
    const report: FragmentReport = {
      fragment,
      host: name,
      incarnation,
      memory: disk.memory,
      epoch,
      wish: 0,
      serial: 0,
      phase: 'absent',
      committed: 0,
    };
    nats.publish(reportSubject(app, region), encodeDocument(report));
  }

  #letGo(label: string, listening: Listening, assignment: AssignmentDocument): void {
    const fragment = this.#fragments.get(label);
    const region = assignment.regions[fragment?.current.wish.region ?? listening.region];
    const release = (): void => {
      if (this.#listening.get(label) !== listening || listening.epoch !== 0) return;
      listening.subscription.close();
      this.#listening.delete(label);
      fragment?.release();
    };
    listening.epoch = 0;
    const moved = region !== undefined && stepOf(fragment?.current.epoch ?? 0) < region.epoch;
    if (fragment === undefined || fragment.idle || (moved && !region.handover)) release();
    else this.#wait(listening, release);
  }

  #wait(listening: Listening, release: () => void): void {
    listening.patience?.timer.cancel();
    listening.patience = { timer: this.#context.ports.after(ABANDONED, release), release };
  }

  #heard({ data }: Message): void {
    const wish = decodeWish(data);
    if (sameAgent(wish.host, this.#context.name)) this.take(wish);
  }

  #changed(fragment: HostedFragment): void {
    this.#report(fragment.wish, fragment.report());
    this.#context.changed();
  }

  #report(wish: Wish, report: FragmentReport): void {
    if (this.#context.deliver(wish, report)) return;
    this.#context.nats.publish(reportSubject(wish, wish.region), encodeDocument(report));
  }

  #notHere(wish: Wish): FragmentReport {
    const { name, incarnation, disk } = this.#context;
    const { fragment, epoch, serial } = wish;
    return {
      fragment,
      host: name,
      incarnation,
      memory: disk.memory,
      epoch,
      wish: serial,
      serial,
      phase: 'stopped',
      committed: 0,
    };
  }
}

function labelOf(app: AppName, fragment: string): string {
  return `${appLabel(app)}/${fragment}`;
}

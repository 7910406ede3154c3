/**
 * One start of one fragment on one agent, or one after the other: makes it what its region's leader wishes, and reports. Whatever ran at a lower epoch has stopped before
 * anything starts at a higher one, and an epoch that an earlier process of this agent was at is not taken up again, because nobody
 * knows how far that process came. Where its disk has forgotten such epochs, it is another memory than the leader has asked.
 */

import { dirname } from 'node:path';
import type { DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { CloudskinError, externalError, messageOf, userError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { FragmentHandle, FragmentHost, FragmentStart, Takeover, TookOver } from '../../runtime/fragment-handle.ts';
import type { FragmentReport, Wish } from '../documents/messages.ts';
import type { AgentName, AppName } from '../documents/names.ts';
import type { FragmentPhase } from '../documents/status.ts';
import { codeField, type FragmentTrouble, troubleOf } from '../documents/troubles.ts';
import type { AgentDisk } from '../memory/agent-disk.ts';
import { shippedIn } from '../plans/components.ts';
import type { Plans } from '../plans/plans.ts';
import type { Log, LogFields } from '../process/log.ts';
import { settledWithin } from '../process/patience.ts';
import { Reconciler } from '../process/reconciler.ts';
import { LETS_GO } from '../process/timing.ts';
import { checkFragment } from '../security/check-plan.ts';
import { checkTrust } from '../security/trust.ts';
import { Handing } from './handing.ts';

export interface AgentFragmentHost extends FragmentHost {
  /** Ends a worker thread, and with it all its fragments, where one of them does not let go. */
  kill?(worker: number): void;
  /** Somebody else's fragments may have to be started here soon. */
  warm?(): void;
  /** Makes sure that these components are at hand for fragments that name them by their digest. */
  provide?(digests: readonly string[], fetch: (digest: string) => Promise<Uint8Array>): Promise<void>;
}

export interface FragmentContext {
  readonly ports: Ports;
  readonly name: AgentName;
  readonly tier: 'edge' | 'cloud';
  readonly incarnation: string;
  readonly disk: AgentDisk;
  readonly plans: Plans;
  readonly host: AgentFragmentHost;
  readonly log: Log;
  /** Public keys: only what one of them signed is run. */
  readonly trusted?: readonly string[];
  /** Of a site that has something of an app, where an assignment says so. */
  readonly tierOf?: (app: AppName, site: string) => 'edge' | 'cloud' | undefined;
}

export class HostedFragment {
  readonly fragment: string;
  readonly #context: FragmentContext;
  readonly #changed: () => void;
  readonly #reconciler: Reconciler;
  /** What has to be over before anything starts. */
  #after: Promise<void>;
  #wish: Wish;
  #serial = 0;
  #epoch = 0;
  #phase: FragmentPhase = 'absent';
  #handle: FragmentHandle | undefined;
  #plan: FragmentPlan | undefined;
  #draining = false;
  #paused = false;
  #barrier = 0;
  #committed = 0;
  #committing = 0;
  #finishing = false;
  #handing: Handing;
  #saved: FragmentReport['saved'];
  #notSaved: FragmentReport['notSaved'];
  #trouble: FragmentTrouble | undefined;

  /** `changed` is called whenever `report` says something new; nothing starts before `after`. */
  constructor(wish: Wish, context: FragmentContext, changed: () => void, after: Promise<void> = Promise.resolve()) {
    this.fragment = wish.fragment;
    this.#wish = wish;
    this.#context = context;
    this.#changed = changed;
    this.#after = after;
    this.#handing = new Handing(context);
    this.#reconciler = new Reconciler(
      context.ports,
      () => this.#step(),
      (error) => this.#stumble(error),
    );
    this.#reconciler.kick();
  }

  get wish(): Wish {
    return this.#wish;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get handle(): FragmentHandle | undefined {
    return this.#handle;
  }

  get plan(): FragmentPlan | undefined {
    return this.#plan;
  }

  get phase(): FragmentPhase {
    if (this.#phase !== 'opening' && this.#phase !== 'ready') return this.#phase;
    return this.#handle?.status().state === 'running' ? 'running' : this.#phase;
  }

  get trouble(): FragmentTrouble | undefined {
    return this.#trouble;
  }

  /** True where it neither runs anything nor has been asked to. */
  get idle(): boolean {
    return this.#handle === undefined && this.#wish.goal === 'stopped';
  }

  /** True where it is there, and not over. */
  get runs(): boolean {
    return this.#handle !== undefined && this.#phase !== 'finished' && this.#phase !== 'failed';
  }

  /** Rows flow through what it has taken over from others. */
  get hasTaken(): boolean {
    return this.#handing.tookOver !== undefined;
  }

  /** Nothing starts any more before this. */
  after(something: Promise<void>): void {
    this.#after = Promise.all([this.#after, something]).then(() => undefined);
  }

  /** A wish of a lower epoch, or an older one of the same, changes nothing. */
  take(wish: Wish): void {
    const known = this.#wish;
    if (wish.epoch < known.epoch || (wish.epoch === known.epoch && wish.serial <= known.serial)) return;
    this.#wish = wish;
    this.#reconciler.kick();
  }

  /** Lets go of the fragment without a leader having said so: it is somebody else's now. */
  release(): void {
    this.#wish = { ...this.#wish, goal: 'stopped' };
    this.#reconciler.kick();
  }

  report(): FragmentReport {
    return {
      fragment: this.fragment,
      host: this.#context.name,
      incarnation: this.#context.incarnation,
      memory: this.#context.disk.memory,
      epoch: Math.max(this.#epoch, this.#wish.epoch),
      wish: this.#wish.serial,
      serial: ++this.#serial,
      phase: this.#epoch < this.#wish.epoch ? 'opening' : this.phase,
      ...defined({ trouble: this.#trouble, saved: this.#saved, notSaved: this.#notSaved }),
      committed: this.#committed,
      ...this.#handing.report,
    };
  }

  async close(): Promise<void> {
    this.release();
    await this.#reconciler.stop();
    await this.#stop();
  }

  async #step(): Promise<undefined> {
    const wish = this.#wish;
    if (wish.epoch > this.#epoch) await this.#begin(wish);
    if (this.#epoch !== wish.epoch || this.#handle === undefined) return;
    await this.#follow(this.#handle, wish);
  }

  async #begin(wish: Wish): Promise<void> {
    await this.#after;
    await this.#stop();
    const { disk, plans } = this.#context;
    if (wish.goal === 'stopped') return this.#enter(wish.epoch, 'stopped');
    if (wish.memory === '') return;
    if (wish.memory !== undefined && wish.memory !== disk.memory) return this.#enter(wish.epoch, 'absent');
    const distributed = await plans.distributed(wish.distributed);
    const { fragments, logical } = distributed;
    const plan = fragments.find(({ name }) => name === this.fragment);
    if (plan === undefined)
      throw externalError('cluster.no-fragment', `there is no fragment ${this.fragment} in the plan`);
    const refused = await this.#refused(distributed, plan, wish);
    if (refused !== undefined) {
      this.#enter(wish.epoch, 'opening');
      return this.#isOver(refused);
    }
    await this.#context.host.provide?.(shippedIn(plan), (digest) => plans.component(digest));
    const isOurs = wish.takeover !== undefined || (await disk.claim(wish, wish.region, wish.epoch));
    if (!isOurs) return this.#enter(wish.epoch, 'absent');
    this.#plan = plan;
    this.#enter(wish.epoch, 'opening');
    this.#log('info', `starts${startOf(wish)}`);
    await this.#start(plan, wish, logical.file, await this.#handing.takeover(distributed, wish));
  }

  /** Why it is not run, until the user changes something. */
  async #refused(distributed: DistributedPlan, plan: FragmentPlan, wish: Wish): Promise<CloudskinError | undefined> {
    const { name, tier, tierOf, trusted, plans } = this.#context;
    try {
      mayRun(plan, tier);
      checkFragment(distributed, plan, { app: wish, agent: name, tier, tierOf: (site) => tierOf?.(wish, site) });
      if (trusted === undefined) return undefined;
      await checkTrust(distributed, wish.distributed, trusted, (digest, key) => plans.signature(digest, key));
      return undefined;
    } catch (error) {
      if (error instanceof CloudskinError && error.domain === 'user') return error;
      throw error;
    }
  }

  #enter(epoch: number, phase: FragmentPhase): void {
    this.#epoch = epoch;
    this.#phase = phase;
    this.#saved = undefined;
    this.#notSaved = undefined;
    this.#trouble = undefined;
    this.#draining = false;
    this.#paused = false;
    this.#barrier = 0;
    this.#committed = 0;
    this.#committing = 0;
    this.#finishing = false;
    this.#handing = new Handing(this.#context);
    this.#changed();
  }

  async #start(plan: FragmentPlan, wish: Wish, file: string, takeover: Takeover | undefined): Promise<void> {
    const epoch = wish.epoch;
    const mine = (): boolean => this.#epoch === epoch;
    const start: FragmentStart = {
      plan,
      epoch,
      peers: new Map(Object.entries(wish.peers)),
      ...defined({ checkpoint: wish.checkpoint, origins: wish.origins }),
      ...(wish.checkpointed ? { checkpointed: true as const } : {}),
      ...defined({ domain: wish.domain, begun: wish.begun, takeover }),
      ...(wish.domains === undefined ? {} : { domains: new Map(Object.entries(wish.domains)) }),
      ...(file.startsWith('<') ? {} : { directory: dirname(file) }),
    };
    try {
      this.#handle = await this.#context.host.start(start, {
        saved: (checkpoint, receipt) => mine() && this.#note({ saved: { checkpoint, receipt } }),
        notSaved: (checkpoint, error) => mine() && this.#note({ notSaved: { checkpoint, message: error.message } }),
        ready: () => mine() && this.#ready(),
        ended: () => mine() && this.#ended(),
        tookOver: (figures) => mine() && this.#hasTaken(figures),
        handedOver: () => mine() && this.#hasHandedOver(),
        over: (error) => mine() && this.#isOver(error),
      });
      // It may be over before it was handed out.
      if (this.#phase === 'failed' || this.#phase === 'finished') this.#handle = undefined;
    } catch (error) {
      if (mine()) this.#isOver(error);
    }
  }

  async #follow(handle: FragmentHandle, wish: Wish): Promise<void> {
    if (wish.goal === 'stopped') {
      await this.#stop(wish.forget === true);
      this.#phase = 'stopped';
      return this.#changed();
    }
    if (wish.takeover?.committed === true && !this.#handing.taking && !(await this.#claim(wish))) return;
    void this.#handing.bequeath(handle, wish).then((error) => {
      if (error !== undefined && this.#handle === handle) this.#stumble(error);
    });
    if (wish.goal === 'drained' && !this.#draining) this.#drain(handle);
    await this.#halt(handle, wish.goal === 'paused');
    if (wish.barrier > this.#barrier) {
      this.#barrier = wish.barrier;
      handle.checkpoint(wish.barrier, { handover: wish.handover === true });
    }
    if (wish.commit > Math.max(this.#committed, this.#committing)) this.#commit(handle, wish.commit);
    const isAtEnd = this.#phase === 'ended' || this.#handing.handedOver;
    if (wish.goal === 'finished' && isAtEnd && !this.#finishing) this.#finish(handle);
  }

  /** The epoch at which it is to take over is in force: false where this disk has seen that, or a later one, before. */
  async #claim(wish: Wish): Promise<boolean> {
    if (await this.#context.disk.claim(wish, wish.region, wish.epoch)) {
      this.#handing.taking = true;
      this.#changed();
      return true;
    }
    await this.#stop();
    this.#enter(wish.epoch, 'absent');
    return false;
  }

  #hasTaken(figures: TookOver): void {
    this.#handing.tookOver = figures;
    this.#log('info', `has taken over after ${Math.round(figures.pause)} ms`);
    this.#changed();
  }

  #hasHandedOver(): void {
    this.#handing.handedOver = true;
    this.#log('info', 'has handed over');
    // it may be wished already that it ends
    this.#reconciler.kick();
    this.#changed();
  }

  async #halt(handle: FragmentHandle, paused: boolean): Promise<void> {
    if (paused === this.#paused || this.#hasEnded) return;
    await (paused ? handle.pause() : handle.resume());
    this.#paused = paused;
    // what is let go on may be at its end before that is heard of
    if (this.#hasEnded) return;
    this.#phase = paused ? 'paused' : 'ready';
    this.#changed();
  }

  get #hasEnded(): boolean {
    return this.#phase === 'ended' || this.#phase === 'finished' || this.#phase === 'failed';
  }

  /** Not awaited by the loop: a sink may take long, and a higher epoch must not wait for it. */
  #commit(handle: FragmentHandle, checkpoint: number): void {
    this.#committing = checkpoint;
    handle.commit(checkpoint).then(
      () => {
        if (this.#handle !== handle) return;
        this.#committed = Math.max(this.#committed, checkpoint);
        this.#changed();
      },
      (error: unknown) => {
        if (this.#handle === handle) this.#isOver(error);
      },
    );
  }

  #drain(handle: FragmentHandle): void {
    this.#draining = true;
    this.#orFails(handle, handle.stop('drain'));
  }

  #finish(handle: FragmentHandle): void {
    this.#finishing = true;
    this.#orFails(handle, handle.finish());
  }

  /** Work that says when it is done by an event; only its failure is of interest here. */
  #orFails(handle: FragmentHandle, work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (this.#handle === handle) this.#isOver(error);
    });
  }

  #note(news: Partial<Pick<FragmentReport, 'saved' | 'notSaved'>>): void {
    if (news.saved !== undefined) this.#saved = news.saved;
    if (news.notSaved !== undefined) {
      this.#notSaved = news.notSaved;
      this.#log('warn', `checkpoint ${news.notSaved.checkpoint} was not saved: ${news.notSaved.message}`);
    }
    this.#changed();
  }

  #ready(): void {
    if (this.#phase === 'opening') this.#phase = 'ready';
    this.#log('info', 'ready: everything is open and every channel connected');
    this.#changed();
  }

  #ended(): void {
    this.#phase = 'ended';
    this.#log('info', 'ended: its sources have');
    this.#changed();
  }

  /** Finished or failed; a stop that was asked for has set the phase already. */
  #isOver(error: unknown): void {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return;
    this.#phase = error === undefined ? 'finished' : 'failed';
    if (error !== undefined) {
      this.#trouble = troubleOf(error);
      this.#log('error', `failed: ${this.#trouble.message}`, { code: this.#trouble.code });
      // What is left of it is let go of by the next wish, or now.
      this.#reconciler.kick();
    } else this.#log('info', 'finished');
    this.#changed();
  }

  /** Until it has stopped; a fragment that does not let go is waited for, because its successor must not meet it. */
  async #stop(forget = false): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    const over = this.#phase === 'finished' || this.#phase === 'failed';
    if (!over) this.#phase = 'stopped';
    const stopped = handle.stop(forget ? 'forget' : 'discard').catch((error: unknown) => {
      this.#log('warn', `did not stop cleanly: ${messageOf(error)}`, codeField(error));
    });
    while (!(await settledWithin(this.#context.ports, LETS_GO, stopped))) {
      this.#log('error', `has not let go for ${LETS_GO / 1000} s: its worker is ended`);
      this.#context.host.kill?.(handle.plan.host.worker);
    }
    this.#handle = undefined;
  }

  /** A step that failed: a plan that cannot be fetched, a disk that cannot be written. */
  #stumble(error: unknown): void {
    this.#trouble = troubleOf(error);
    this.#log('warn', `could not be brought to what is wished: ${this.#trouble.message}`, { code: this.#trouble.code });
    this.#changed();
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: LogFields = {}): void {
    const { namespace, app, region } = this.#wish;
    const where = { namespace, app, region, fragment: this.fragment, epoch: this.#epoch };
    const revision = this.#plan === undefined ? {} : { revision: this.#plan.revision };
    this.#context.log(level, message, { ...where, ...revision, ...fields });
  }
}

function startOf({ checkpoint, takeover }: Wish): string {
  if (takeover !== undefined) return `, to take over from epoch ${takeover.from}`;
  return checkpoint === undefined ? '' : ` from checkpoint ${checkpoint}`;
}

/** Data that must not leave its tier is refused here, whatever an assignment says. */
function mayRun({ name, stays }: FragmentPlan, tier: 'edge' | 'cloud'): void {
  if (stays === undefined || stays.tier === tier) return;
  throw userError('placement.stays', `${name} may not run in tier ${tier}: ${stays.why}`, {
    hint: 'place it in the other tier, or let an operator before it say stays: anywhere, if what it yields may leave',
  });
}

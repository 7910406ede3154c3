/**
 * An agent: the process of a site that runs fragments, leads regions and, in the cloud, stands by as coordinator. Everything it needs is
 * handed in, so that a whole cluster of agents can run in one simulated process.
 */

import { defined } from '../defined.ts';
import { type CloudskinError, messageOf } from '../errors.ts';
import type { Subscription } from '../nats/nats.ts';
import { pause } from '../ports.ts';
import type { AgentOptions } from './agent-options.ts';
import { belongingsOf } from './belongings.ts';
import { Coordinator } from './coordinator/coordinator.ts';
import { type Placement, placement } from './coordinator/placement.ts';
import type { AssignmentDocument } from './documents/assignment.ts';
import { ControlBuckets, GIVE_DOMAIN, NO_DOMAIN } from './documents/buckets.ts';
import type { DiskUse } from './documents/disk-use.ts';
import { encodeDocument, versioned } from './documents/document.ts';
import type { Wish } from './documents/messages.ts';
import { publishMove } from './documents/move-event.ts';
import { type AgentName, sameAgent, wishSubject } from './documents/names.ts';
import type { AgentStatus } from './documents/status.ts';
import { codeField } from './documents/troubles.ts';
import type { HostedFragment } from './fragment/hosted-fragment.ts';
import { HostedFragments } from './fragment/hosted-fragments.ts';
import { withBounds } from './fragment/log-bounds.ts';
import { AgentDisk } from './memory/agent-disk.ts';
import { Assignments } from './memory/assignments.ts';
import { Housekeeping, type Returning } from './memory/housekeeping.ts';
import { RegionRecords, serverOf } from './memory/region-records.ts';
import { part } from './parting.ts';
import { Plans } from './plans/plans.ts';
import { Announcer } from './presence/announcer.ts';
import { answerLogs } from './presence/log-requests.ts';
import { Neighbours } from './presence/neighbours.ts';
import { mustBeOneCloud, OneCloud } from './presence/one-cloud.ts';
import { mustBeFree, OwnName } from './presence/own-name.ts';
import { mustBeOfTier, tellTier } from './presence/site-tier.ts';
import { Standby } from './presence/standby.ts';
import { type Log, LogMemory } from './process/log.ts';
import { settledWithin } from './process/patience.ts';
import { randomId } from './process/random-id.ts';
import { LEAVING_CHECKPOINTS, LEAVING_LETS_GO, PARTED_CHECKPOINTS, PARTING } from './process/timing.ts';
import { LedRegions } from './region/led-regions.ts';
import { HostedTasks } from './tasks/hosted-tasks.ts';

const LOOK = 50;
/** Of the agent's disk: where the control documents were found. */
const DOMAIN = 'control-domain';

export class Agent {
  readonly name: AgentName;
  readonly incarnation: string;
  readonly logs: LogMemory;
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #disk: AgentDisk;
  readonly #control: ControlBuckets;
  readonly #hosting: HostedFragments;
  readonly #leading: LedRegions;
  readonly #neighbours: Neighbours;
  readonly #announcer: Announcer;
  readonly #ownName: OwnName;
  readonly #oneCloud: OneCloud | undefined;
  readonly #assignments: Assignments;
  readonly #coordinator: Coordinator | undefined;
  readonly #housekeeping: Housekeeping | undefined;
  readonly #standby: Standby;
  readonly #records: RegionRecords;
  readonly #tasks: HostedTasks | undefined;
  #connection: Subscription | undefined;
  #answering: readonly Subscription[] = [];
  #serial = 0;
  #leaving = false;
  #parting = false;

  private constructor(options: AgentOptions, incarnation: string, disk: AgentDisk, known: string | undefined) {
    const { nats, ports, site, agent, tier } = options;
    this.name = { site, agent };
    this.incarnation = incarnation;
    this.#options = options;
    this.#disk = disk;
    this.logs = new LogMemory(ports);
    this.#log = (level, message, fields) => {
      // what is said many times a second would push everything else out
      if (level !== 'debug') this.logs.add(level, message, fields);
      options.log?.(level, message, fields);
    };
    this.#control = this.#makeControl(known);
    const plans = new Plans(() => this.#control.artifacts(), disk);
    const giveBack = async ({ distributed, fragments }: AssignmentDocument): Promise<void> => {
      const runs = Object.values(fragments).some(({ host }) => sameAgent(host, this.name));
      if (distributed !== '' && (runs || tier === 'cloud')) await plans.giveBack(distributed);
    };
    this.#records = new RegionRecords((domain) => this.#control.regions(domain), serverOf(nats), disk, this.#log);
    if (options.copies !== undefined) {
      const record: Returning['record'] = (region, domain) => this.#records.giveBack(region, region.region, domain);
      const belongings = belongingsOf(this.name, ports, plans, {
        leads: (app) => this.#leading.leads(app),
        forget: (app) => this.#hosting.forget(app),
      });
      const returning = { plans: giveBack, record };
      this.#housekeeping = new Housekeeping(ports, options.copies, returning, belongings, this.#log);
    }
    const identity = { ...this.name, incarnation: this.incarnation };
    this.#announcer = new Announcer(nats, ports, identity, (nodes) => this.status(nodes));
    const interrupted = (): boolean => this.#announcer.interrupted;
    this.#ownName = new OwnName(nats, identity, interrupted, (error) => this.#letGo(error));
    if (tier === 'cloud')
      this.#oneCloud = new OneCloud(
        nats,
        () => this.#control.place,
        (error) => this.#leave(error),
      );
    const heard = (status: AgentStatus): void => {
      this.#ownName.hear(status);
      this.#oneCloud?.hear(status);
      this.#records.hear(status);
      this.#coordinator?.agentsChanged();
    };
    this.#neighbours = new Neighbours(nats, ports, tier === 'cloud' ? undefined : site, heard, (error) =>
      this.#log('warn', messageOf(error), codeField(error)),
    );
    this.#standby = new Standby(ports, this.name, this.#neighbours, () => options.host.warm?.());
    this.#leading = this.#makeLeading(plans);
    this.#hosting = this.#makeHosting(plans);
    this.#tasks = this.#makeTasks(plans);
    this.#assignments = new Assignments({
      ports,
      name: this.name,
      disk,
      log: this.#log,
      documents: () => this.#control.documents(),
      find: () => this.#control.findAgain(),
      ...(options.apps === undefined || tier === 'cloud' ? {} : { apps: options.apps }),
      follow: (assignment, before) => this.#follow(assignment, before),
      giveBack,
    });
    if (tier === 'cloud') this.#coordinator = this.#makeCoordinator(plans, options.place ?? placement);
  }

  /**
   * Resolves when the agent is there for others; what it ran before is taken up in the background. Rejects with `agent.name-taken` where another
   * process is there under its name, with `agent.other-tier` where its site is of another tier, with `cluster.other-cloud` where it is to be of the cloud and
   * that is elsewhere.
   */
  static async start(options: AgentOptions): Promise<Agent> {
    const { nats, site, agent: name, ports, tier } = options;
    const disk = new AgentDisk(options.disk, options.log);
    const incarnation = randomId(ports.random);
    await Promise.all([
      mustBeFree(nats, { site, agent: name, incarnation }),
      mustBeOfTier(nats, site, tier),
      tier === 'cloud' ? mustBeOneCloud(nats) : undefined,
      disk.open(ports),
    ]);
    const known = await disk.artifact(DOMAIN);
    const domain = known === undefined ? undefined : new TextDecoder().decode(known);
    const agent = new Agent(options, incarnation, disk, domain);
    await agent.#begin();
    return agent;
  }

  /** `nodes`: an app whose nodes' figures are wanted, too, as `<namespace>/<app>`. */
  status(nodes?: string): AgentStatus {
    const { nats, site, agent, tier, labels = [], devices = ['cpu'], workers, version } = this.#options;
    const { domain, jetstream } = nats.info;
    const silent = this.#neighbours.silent();
    const tasks = this.#tasks?.figures() ?? [];
    return {
      ...versioned,
      site,
      agent,
      incarnation: this.incarnation,
      serial: ++this.#serial,
      tier,
      labels,
      devices,
      workers,
      version,
      ...defined({ domain, documentsSince: tier === 'cloud' ? this.#control.place.since : undefined }),
      jetstream,
      epoch: this.#disk.highest,
      coordinator: this.#coordinator?.leads ?? false,
      leaving: this.#leaving,
      handsOver: true,
      ...(this.#parting ? { parting: true } : {}),
      fragments: this.#hosting.figures(nodes),
      regions: this.#leading.figures(),
      ...(tasks.length === 0 ? {} : { tasks }),
      ...(silent.length === 0 ? {} : { silent }),
      ...defined({ disk: this.#diskUse() }),
    };
  }

  #diskUse(): DiskUse | undefined {
    const use = this.#options.diskUse?.();
    const plans = [...this.#hosting.fragments()].flatMap(({ plan }) => plan ?? []);
    return use === undefined ? undefined : withBounds(use, plans);
  }

  /** The fragments that it runs, or ran last. */
  fragments(): Iterable<HostedFragment> {
    return this.#hosting.fragments();
  }

  /**
   * Has others take over what it runs, for so many milliseconds at most, then stops; within five seconds where that is no more than `PARTING`. What nobody takes
   * goes on where it was when it is back.
   */
  async leave(within: number = PARTING): Promise<void> {
    const { ports, tier } = this.#options;
    const since = ports.monotonic();
    this.#parting = true;
    this.#announcer.tell();
    const parts = {
      ports,
      name: this.name,
      hearsAll: tier === 'cloud',
      neighbours: this.#neighbours,
      assignments: this.#assignments,
    };
    const own = { fragments: () => this.#hosting.fragments(), leaders: () => this.#leading.leaders() };
    await part({ ...parts, ...own }, within);
    const left = LEAVING_CHECKPOINTS - (ports.monotonic() - since);
    await this.stop(Math.max(left, PARTED_CHECKPOINTS));
  }

  /** Takes last checkpoints, for so many milliseconds at most, lets go of everything, and says goodbye; within five seconds. */
  async stop(checkpoints: number = LEAVING_CHECKPOINTS): Promise<void> {
    const { ports, nats } = this.#options;
    this.#log('info', 'stops');
    this.#leaving = true;
    this.#ownName.release();
    this.#announcer.touch();
    const tasks = this.#tasks?.close();
    await this.#assignments.stop();
    const leaders = this.#leading.leaders();
    for (const leader of leaders) leader.leave();
    const until = ports.monotonic() + checkpoints;
    const working = (): boolean => leaders.some(({ phase }) => phase === 'running' || phase === 'stopping');
    while (working() && ports.monotonic() < until) await pause(ports, LOOK);
    const parts = [this.#leading.close(), this.#hosting.close(), this.#coordinator?.stop(), this.#housekeeping?.stop()];
    const closing = Promise.all([...parts, tasks]);
    if (!(await settledWithin(ports, LEAVING_LETS_GO, closing))) this.#log('warn', 'not everything let go in time');
    this.#announcer.tell();
    this.#shut();
    await settledWithin(
      ports,
      LOOK * 2,
      nats.flush().catch(() => undefined),
    );
  }

  /** As a crash does: nothing is told and nothing ended in order. For simulations. */
  abandon(): void {
    this.#shut();
    void this.#assignments.stop();
    void this.#housekeeping?.stop();
    void this.#coordinator?.stop();
    void this.#leading.close();
    void this.#tasks?.close();
    void this.#hosting.close();
  }

  async #begin(): Promise<void> {
    const { nats, tier, version, workers } = this.#options;
    if (tier === 'cloud') this.#control.answer();
    this.#ownName.hold();
    this.#answering = [answerLogs(nats, this.name, this.logs), tellTier(nats, { ...this.name, tier })];
    this.#announcer.start();
    await this.#assignments.start();
    await this.#tasks?.start();
    this.#coordinator?.start();
    this.#housekeeping?.kick();
    this.#standby.start();
    this.#connection = nats.onStatus((status) => {
      if (status !== 'reconnected') return;
      this.#coordinator?.reconnected();
      this.#housekeeping?.kick();
    });
    const { version: server, name, domain } = nats.info;
    this.#log('info', `agent of site ${this.name.site} is here`, { tier, workers, version, server, serverName: name });
    if (tier === 'cloud' && domain === undefined) {
      const message = `the NATS server beside it has no JetStream domain, so that agents behind leaf nodes which have one cannot reach it; ${GIVE_DOMAIN}`;
      this.#log('warn', message, { code: NO_DOMAIN });
    }
  }

  /** What it leads and runs is the other's; nothing is told, since others would take it for said by that one. */
  #letGo(error: CloudskinError): void {
    this.#log('error', `${error.message}: this one ends`, { code: error.code });
    this.abandon();
    this.#options.displaced?.(error);
  }

  /** As when it is told to stop: others are to know that it is gone. */
  #leave(error: CloudskinError): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#log('error', `${error.message}: this one ends`, { code: error.code });
    this.#control.close();
    void this.stop().finally(() => this.#options.displaced?.(error));
  }

  #shut(): void {
    this.#ownName.release();
    this.#standby.stop();
    this.#connection?.close();
    this.#announcer.stop();
    for (const answering of this.#answering) answering.close();
    this.#neighbours.close();
    this.#control.close();
  }

  #follow(assignment: AssignmentDocument, before: AssignmentDocument | undefined): void {
    this.#hosting.follow(assignment);
    this.#leading.follow(assignment);
    this.#housekeeping?.follow(assignment, before);
    this.#announcer.touch();
  }

  #send(wish: Wish): void {
    if (sameAgent(wish.host, this.name)) this.#hosting.take(wish);
    else this.#options.nats.publish(wishSubject(wish, wish.fragment), encodeDocument(wish));
  }

  #makeControl(known: string | undefined): ControlBuckets {
    const { nats, tier, replicas } = this.#options;
    return new ControlBuckets({
      nats,
      home: tier === 'cloud',
      ...defined({ known, replicas }),
      oneCopy: (advice) => this.#log('warn', advice, { code: 'cluster.one-copy' }),
      found: (domain) => {
        this.#disk.keepArtifact(DOMAIN, new TextEncoder().encode(domain)).catch((error: unknown) => {
          this.#log('warn', `where the cloud is cannot be kept on disk: ${messageOf(error)}`, codeField(error));
        });
      },
    });
  }

  #makeLeading(plans: Plans): LedRegions {
    const { nats, ports, checkpoints, dropState, copies } = this.#options;
    const { name, incarnation } = this;
    return new LedRegions(
      nats,
      {
        ports,
        name,
        incarnation,
        disk: this.#disk,
        records: this.#records,
        log: this.#log,
        checkpoints,
        dropState,
        putBack: async (region, domain, keep) => void (await copies?.tidy(region, domain, keep)),
        send: (wish) => this.#send(wish),
        moved: (event) => {
          if (nats.connected) publishMove(nats, event);
        },
        // Who was never heard of may be out of earshot.
        isAlive: (other) => this.#neighbours.get(other) === undefined || this.#neighbours.isAlive(other),
        distributed: (digest) => plans.distributed(digest),
      },
      () => this.#announcer.touch(),
    );
  }

  #makeHosting(plans: Plans): HostedFragments {
    const { nats, ports, host } = this.#options;
    return new HostedFragments({
      nats,
      ports,
      name: this.name,
      tier: this.#options.tier,
      incarnation: this.incarnation,
      disk: this.#disk,
      plans,
      host,
      log: this.#log,
      ...defined({ trusted: this.#options.trusted }),
      tierOf: (app, site) => this.#assignments.tierOf(app, site),
      deliver: (wish, report) => this.#leading.deliver(wish, report),
      changed: () => this.#announcer.touch(),
    });
  }

  #makeTasks(plans: Plans): HostedTasks | undefined {
    const { ports, tasks: host, tier, labels = [], trusted, permittedTasks } = this.#options;
    if (host === undefined) return undefined;
    const tasks = new HostedTasks({
      ...{ ports, name: this.name, tier, labels, plans, host, log: this.#log, disk: this.#disk },
      neighbours: this.#neighbours,
      documents: () => this.#control.documents(),
      ...defined({ trusted, permitted: tier === 'cloud' ? undefined : permittedTasks }),
      changed: () => this.#announcer.touch(),
    });
    plans.hold(() => tasks.named());
    return tasks;
  }

  #makeCoordinator(plans: Plans, place: Placement): Coordinator {
    const { ports } = this.#options;
    const { name, incarnation } = this;
    return new Coordinator({
      ports,
      name,
      incarnation,
      log: this.#log,
      plans,
      place,
      neighbours: this.#neighbours,
      documents: () => this.#control.documents(),
      domain: () => this.#control.domain(),
      artifacts: () => this.#control.artifacts(),
      ...defined({ artifactTimes: this.#options.artifactTimes }),
      prepare: (app) => this.#control.prepare(app),
      changed: () => this.#announcer.touch(),
    });
  }
}

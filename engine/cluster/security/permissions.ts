/**
 * Which subjects a user of the continuum needs, and nothing more: for the agents of a site, the share of an app that a plan gives that site,
 * the link of a leaf node, and the command line. Pure; `cli/auth` signs credentials that say it.
 *
 * What a NATS permission can tell apart is a subject. So buckets are read through API subjects that hold the key (direct gets, consumers with
 * one filter), and whoever may not write a key cannot be made to by a stream of another's: only agents of the cloud make streams there.
 */

import type { Channel, DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { durableStream, durableSubject } from '../../transport/durable/transport.ts';
import { channelSubject } from '../../transport/nats.ts';
import {
  type AppName,
  ARTIFACTS_BUCKET,
  ASK_SUBJECT,
  agentSubject,
  assignmentKey,
  CONTROL_BUCKET,
  eventsSubject,
  REGIONS_BUCKET,
  regionKey,
  reportSubject,
  stateBucket,
  WHERE_SUBJECT,
  wishSubject,
} from '../documents/names.ts';

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Taken out of what `publish` allows. */
  readonly denied?: readonly string[];
}

/** Where the agents of a site are. */
export interface SitePlace {
  readonly site: string;
  readonly tier: 'edge' | 'cloud';
  /** JetStream domains: of the server beside the site, and of the central one, where the control documents lie. */
  readonly domain: string;
  readonly hub: string;
}

const NONE: Permissions = { publish: [], subscribe: [] };
/** Of all apps. */
const EVENTS = eventsSubject({ namespace: '*', app: '*' });

export function merged(all: readonly Permissions[]): Permissions {
  const union = (lists: readonly (readonly string[])[]): readonly string[] => [...new Set(lists.flat())].sort();
  const denied = union(all.map((one) => one.denied ?? []));
  return {
    publish: union(all.map(({ publish }) => publish)),
    subscribe: union(all.map(({ subscribe }) => subscribe)),
    ...(denied.length === 0 ? {} : { denied }),
  };
}

/** Where answers to a user come, nobody else's. */
export function inboxOf(user: string): string {
  return `_INBOX.${user}`;
}

/** What the agents of a site need whatever they run; `user` is whose answers these are. */
export function agentPermissions(place: SitePlace, user: string): Permissions {
  const { site, tier } = place;
  const everyone = tier === 'cloud' ? '*' : site;
  const heard = ['status', 'beat'].map((what) => agentSubject(everyone, '*', what));
  const talk: Permissions = {
    publish: [
      WHERE_SUBJECT,
      ...(tier === 'cloud' ? [ASK_SUBJECT] : []),
      ...['status', 'beat', 'here'].map((what) => agentSubject(site, '*', what)),
    ],
    subscribe: [
      ...[`${inboxOf(user)}.>`, ASK_SUBJECT],
      ...['logs', 'here'].map((what) => agentSubject(site, '*', what)),
      ...heard,
    ],
  };
  return merged([talk, tier === 'cloud' ? coordination(place) : edgeDocuments(place)]);
}

/** Agents of the cloud stand by as coordinator: all documents, all plans, records and streams of their own domain. */
function coordination({ domain, hub }: SitePlace): Permissions {
  const home = new Domain(domain, hub);
  return {
    publish: [
      ...[`KV_${CONTROL_BUCKET}`, `KV_${REGIONS_BUCKET}`, `OBJ_${ARTIFACTS_BUCKET}`].flatMap((s) => home.makes(s)),
      ...home.reads(`KV_${CONTROL_BUCKET}`, [`$KV.${CONTROL_BUCKET}.>`]),
      ...home.reads(`KV_${REGIONS_BUCKET}`, [`$KV.${REGIONS_BUCKET}.>`]),
      ...home.reads(`OBJ_${ARTIFACTS_BUCKET}`, [`$OBJ.${ARTIFACTS_BUCKET}.>`]),
      ...[`KV_${CONTROL_BUCKET}`, `KV_${REGIONS_BUCKET}`, `OBJ_${ARTIFACTS_BUCKET}`].map((stream) => home.asks(stream)),
      ...home.writes([`$KV.${CONTROL_BUCKET}.>`, `$OBJ.${ARTIFACTS_BUCKET}.>`]),
      home.purge(`OBJ_${ARTIFACTS_BUCKET}`),
    ],
    subscribe: [WHERE_SUBJECT],
  };
}

/** Edges read plans of the hub, by their digest, and keep records of their own regions beside them. */
function edgeDocuments({ domain, hub }: SitePlace): Permissions {
  const far = new Domain(hub, domain);
  const own = new Domain(domain, domain);
  return {
    publish: [
      ...far.looks(`KV_${CONTROL_BUCKET}`),
      ...far.looks(`KV_${REGIONS_BUCKET}`),
      ...far.reads(`OBJ_${ARTIFACTS_BUCKET}`, [`$OBJ.${ARTIFACTS_BUCKET}.C.*`, `$OBJ.${ARTIFACTS_BUCKET}.M.*`]),
      far.asks(`OBJ_${ARTIFACTS_BUCKET}`),
      // Records of all apps at the site: whoever could change that stream could copy or end those of another.
      ...own.begins(`KV_${REGIONS_BUCKET}`),
      // Where an agent of the cloud never answered, the documents may lie here.
      ...own.looks(`KV_${CONTROL_BUCKET}`),
    ],
    subscribe: [],
  };
}

/**
 * The share of an app that a plan gives to a site: whatever its agents send, hear, read and write for it. `domainOf`: the JetStream domain beside
 * another site.
 */
export function permissionsOf(
  plan: DistributedPlan,
  place: SitePlace,
  domainOf: (site: string) => string,
): Permissions {
  const app = appOfPlan(plan);
  const here = plan.fragments.filter(({ host }) => host.site === place.site);
  const nearOf = nearIn(plan, place, domainOf);
  const sites = [...new Set(plan.fragments.map(({ host }) => host.site))];
  return merged([
    here.length > 0 ? handoverShare(app, place.site, sites) : NONE,
    assignmentShare(app, place, here.length > 0),
    ...here.map(fragmentShare),
    ...here.map((fragment) => durableShare(fragment, place, nearOf)),
    here.length > 0 ? checkpointShare(app, place) : NONE,
    ...ledFrom(plan, place).map((fragments) => leaderShare(app, fragments, place)),
  ]);
}

/**
 * Whatever cells of an app may be moved to a site, or away from it: all channels and regions of the app, whose names follow from places. What the graph binds to a
 * tier its agents look at themselves. `sites`: all between which they may be.
 */
export function movableShare(
  plan: DistributedPlan,
  place: SitePlace,
  domainOf: (site: string) => string,
  sites: readonly string[],
): Permissions {
  const app = appOfPlan(plan);
  const own = `cs.${app.namespace}.${app.app}`;
  const subjects = [`${own}.ch.*.*`, `${own}.ctl.*`, `${own}.lead.*`];
  const nearOf = nearIn(plan, place, domainOf);
  return merged([
    { publish: subjects, subscribe: subjects },
    handoverShare(app, place.site, sites),
    assignmentShare(app, place, true),
    checkpointShare(app, place),
    leaderShare(app, plan.fragments, place),
    // whoever fills a durable stream stays where its log is
    ...plan.fragments.map((fragment) => durableShare({ ...fragment, outlets: [] }, place, nearOf)),
  ]);
}

function appOfPlan({ logical }: DistributedPlan): AppName {
  return { namespace: logical.namespace, app: logical.name };
}

/** The JetStream domain on whose side a fragment's region is. */
function nearIn(
  plan: DistributedPlan,
  place: SitePlace,
  domainOf: (site: string) => string,
): (fragment: string) => string {
  return (fragment) => {
    const region = plan.fragments.find(({ name }) => name === fragment)?.region;
    const sites = new Set(plan.fragments.filter((one) => one.region === region).map(({ host }) => host.site));
    const [site = ''] = sites;
    return sites.size === 1 ? domainOf(site) : place.hub;
  };
}

/** The fragments of each region whose first is here: its leader is. */
function ledFrom({ fragments }: DistributedPlan, { site }: SitePlace): readonly (readonly FragmentPlan[])[] {
  const regions = Map.groupBy(fragments, ({ region }) => region);
  return [...regions.values()].filter(([first]) => first?.host.site === site);
}

/** The documents that an edge reads of an app; agents of the cloud read all anyway, and make what edges keep beside them. */
function assignmentShare(app: AppName, place: SitePlace, hosts: boolean): Permissions {
  const { tier, domain, hub } = place;
  if (tier === 'cloud') return { publish: new Domain(domain, hub).makes(`OBJ_${stateBucket(app)}`), subscribe: [] };
  return hosts ? readsDocuments(place, [assignmentKey(app)]) : NONE;
}

/** Control documents that an edge reads one by one; agents of the cloud read all anyway. */
export function readsDocuments({ tier, domain, hub }: SitePlace, keys: readonly string[]): Permissions {
  if (tier === 'cloud') return NONE;
  const filters = keys.map((key) => `$KV.${CONTROL_BUCKET}.${key}`);
  return { publish: new Domain(hub, domain).reads(`KV_${CONTROL_BUCKET}`, filters), subscribe: [] };
}

/** Its wishes, its reports, and both ways of each of its channels, but for the other ends. */
function fragmentShare(fragment: FragmentPlan): Permissions {
  const app = appOf(fragment);
  const sent = channelsOf(fragment.outlets);
  const received = channelsOf(fragment.inlets);
  const channel = (id: string, way: 'data' | 'ack'): string => `cs.${app.namespace}.${app.app}.ch.${id}.${way}`;
  return {
    publish: [
      reportSubject(app, fragment.region),
      ...sent.map(({ id }) => channel(id, 'data')),
      ...received.map(({ id }) => channel(id, 'ack')),
    ],
    subscribe: [
      wishSubject(app, fragment.name),
      ...sent.map(({ id }) => channel(id, 'ack')),
      ...received.map(({ id }) => channel(id, 'data')),
    ],
  };
}

/**
 * State that goes from one of its sites to another while rows flow, to where it is wanted, and the word that it was taken. By site, since which fragment goes where is
 * decided later: a site that hosts nothing of the app takes part in nothing.
 */
function handoverShare(app: AppName, own: string, sites: readonly string[]): Permissions {
  const subject = (site: string, way: 'data' | 'ack'): string => channelSubject({ ...app, channel: '*', site }, way);
  return {
    publish: [...sites.map((site) => subject(site, 'data')), subject(own, 'ack')],
    subscribe: [subject(own, 'data'), ...sites.map((site) => subject(site, 'ack'))],
  };
}

/** Those within an agent may be between two after one was lost. */
function channelsOf(ends: readonly { readonly channels: readonly Channel[] }[]): readonly Channel[] {
  return ends.flatMap(({ channels }) => channels);
}

/** Streams of durable channels: made and filled on the near side, where its region keeps its checkpoints, and read from the far one. */
function durableShare(fragment: FragmentPlan, place: SitePlace, nearOf: (fragment: string) => string): Permissions {
  const app = appOf(fragment);
  const isDurable = ({ transport }: Channel): boolean => transport === 'durable';
  const near = new Domain(nearOf(fragment.name), place.domain);
  const filled = channelsOf(fragment.outlets)
    .filter(isDurable)
    .flatMap(({ id }) => {
      const address = { ...app, channel: id };
      return [...near.keeps(durableStream(address)), durableSubject(address)];
    });
  const read = channelsOf(fragment.inlets)
    .filter(isDurable)
    .flatMap(({ id, from }) => new Domain(nearOf(from), place.domain).readsAll(durableStream({ ...app, channel: id })));
  return { publish: [...filled, ...read], subscribe: [] };
}

/** Beside the site and in the centre: a region is where its fragments are, and goes on from where it was; in the cloud from any site. */
function domainsOf({ tier, domain, hub }: SitePlace): readonly Domain[] {
  return [...new Set([domain, hub, ...(tier === 'cloud' ? ['*'] : [])])].map((name) => new Domain(name, domain));
}

function checkpointShare(app: AppName, place: SitePlace): Permissions {
  return { publish: domainsOf(place).flatMap((domain) => domain.objects(stateBucket(app))), subscribe: [] };
}

/** Records of regions of the app, and wishes to the fragments of one that may be led from here. */
function leaderShare(app: AppName, fragments: readonly FragmentPlan[], place: SitePlace): Permissions {
  // A region goes on from what others of the app were, once it has fenced them.
  const records = `$KV.${REGIONS_BUCKET}.${regionKey(app, '*')}`;
  const stream = `KV_${REGIONS_BUCKET}`;
  return {
    publish: [
      ...fragments.map(({ name }) => wishSubject(app, name)),
      eventsSubject(app),
      ...domainsOf(place).flatMap((domain) => [...domain.writes([records]), ...domain.reads(stream, [records])]),
    ],
    subscribe: fragments.slice(0, 1).map(({ region }) => reportSubject(app, region)),
  };
}

function appOf({ namespace, app }: FragmentPlan): AppName {
  return { namespace, app };
}

/** Any app, known or not: for a continuum whose user is its only one. Edges still write no documents. */
export function anyApp(place: SitePlace): Permissions {
  const subjects = ['cs.*.*.ch.*.*', 'cs.*.*.ho.*.*.*', 'cs.*.*.ctl.*', 'cs.*.*.lead.*', 'cs.*.task.*', EVENTS];
  const domains = [...new Set([place.domain, place.hub])].map((name) => new Domain(name, place.domain));
  const control = domains.flatMap((domain) =>
    domain.hasOwn || place.tier === 'cloud' ? [] : [...domain.writes([`$KV.${CONTROL_BUCKET}.>`])],
  );
  const guarded = place.tier === 'cloud' ? [] : [`KV_${CONTROL_BUCKET}`, `OBJ_${ARTIFACTS_BUCKET}`];
  return {
    publish: [...subjects, ...domains.flatMap((domain) => domain.anything())],
    subscribe: [...subjects, '$SRV.>'],
    denied: [
      ...control,
      ...domains.filter(({ hasOwn }) => !hasOwn).flatMap((domain) => guarded.flatMap((s) => domain.changes(s))),
      ...domains
        .filter(({ hasOwn }) => !hasOwn && place.tier === 'edge')
        .flatMap((domain) => domain.writes([`$OBJ.${ARTIFACTS_BUCKET}.>`])),
    ],
  };
}

/**
 * What passes the link from a leaf node to the central server, either way: of what the site's users may do, all but its own JetStream; answers
 * to questions from elsewhere; `shared`, subjects of the user's own.
 */
export function linkPermissions(
  users: Permissions,
  { domain, hub }: SitePlace,
  inboxes: readonly string[],
  shared: readonly string[],
): Permissions {
  const passes = (subject: string): boolean => !/^\$(JS\.API|KV|OBJ)\./.test(subject) || domain === hub;
  // Interest is passed on only where all of it is permitted, and the coordinator's is in agents of any site.
  const heard = ['status', 'beat'].map((what) => agentSubject('*', '*', what));
  return {
    // The link itself is watched for loops by subjects of its own.
    publish: [...users.publish.filter(passes), ...heard, '_INBOX.>', '$LDS.>', ...shared],
    subscribe: [...users.subscribe, ...inboxes, `$JS.${domain}.API.>`, '$LDS.>', ...shared],
    ...defined({ denied: users.denied }),
  };
}

/** The command line: documents, plans and checkpoints of all apps and all domains, what agents say, and calls of tasks; no channel. */
export function adminPermissions(user: string): Permissions {
  const buckets = [`$KV.${CONTROL_BUCKET}.>`, `$KV.${REGIONS_BUCKET}.>`, '$OBJ.>'];
  return {
    publish: [
      ...['$JS.API.>', '$JS.*.API.>', ...buckets],
      ...[ASK_SUBJECT, WHERE_SUBJECT, agentSubject('*', '*', 'logs'), 'cs.*.task.*', '$SRV.>', EVENTS],
    ],
    subscribe: [`${inboxOf(user)}.>`, EVENTS],
  };
}

/** Subjects of JetStream in one domain, as a user beside the server of another calls them. */
class Domain {
  readonly hasOwn: boolean;
  readonly #api: string;
  readonly #prefix: string;

  constructor(name: string, own: string) {
    this.hasOwn = name === own;
    this.#api = this.hasOwn ? '$JS.API' : `$JS.${name}.API`;
    this.#prefix = this.hasOwn ? '' : `${this.#api}.`;
  }

  /** Makes a stream, or brings it to another configuration. */
  makes(stream: string): readonly string[] {
    return [...this.begins(stream), `${this.#api}.STREAM.UPDATE.${stream}`];
  }

  /** Makes it where it is not there. */
  begins(stream: string): readonly string[] {
    return [...this.looks(stream), `${this.#api}.STREAM.CREATE.${stream}`];
  }

  looks(stream: string): readonly string[] {
    return [`${this.#api}.STREAM.INFO.${stream}`];
  }

  /** The last message of subjects, by direct gets. */
  gets(stream: string, subjects: readonly string[]): readonly string[] {
    return [...this.looks(stream), ...subjects.map((subject) => `${this.#api}.DIRECT.GET.${stream}.${subject}`)];
  }

  /** The last message of any subject, of the leader: only for whoever may read all of the stream. Asked for where it has several copies. */
  asks(stream: string): string {
    return `${this.#api}.STREAM.MSG.GET.${stream}`;
  }

  /** A stream of one's own: made, filled, looked up by number, trimmed, deleted. */
  keeps(stream: string): readonly string[] {
    const calls = ['MSG.GET', 'PURGE', 'DELETE'].map((what) => `${this.#api}.STREAM.${what}.${stream}`);
    return [...this.makes(stream), ...calls];
  }

  /** Whole, in order. */
  readsAll(stream: string): readonly string[] {
    const consumer = `${this.#api}.CONSUMER`;
    return [
      ...this.looks(stream),
      ...['CREATE', 'MSG.NEXT', 'INFO', 'DELETE'].map((what) => `${consumer}.${what}.${stream}.*`),
    ];
  }

  /** Also in order, by pulls. */
  reads(stream: string, filters: readonly string[]): readonly string[] {
    const consumer = `${this.#api}.CONSUMER`;
    return [
      ...this.gets(stream, filters),
      ...filters.map((filter) => `${consumer}.CREATE.${stream}.*.${filter}`),
      ...['MSG.NEXT', 'INFO', 'DELETE'].map((what) => `${consumer}.${what}.${stream}.*`),
    ];
  }

  writes(subjects: readonly string[]): readonly string[] {
    return subjects.map((subject) => `${this.#prefix}${subject}`);
  }

  purge(stream: string): string {
    return `${this.#api}.STREAM.PURGE.${stream}`;
  }

  /** A bucket of objects, read, written and deleted from; made only beside its server. */
  objects(bucket: string): readonly string[] {
    const subjects = [`$OBJ.${bucket}.C.*`, `$OBJ.${bucket}.M.*`];
    const stream = `OBJ_${bucket}`;
    return [
      ...(this.hasOwn ? this.makes(stream) : []),
      ...this.reads(stream, [...subjects, `$OBJ.${bucket}.M.>`]),
      this.asks(stream),
      ...this.writes(subjects),
      this.purge(stream),
    ];
  }

  anything(): readonly string[] {
    const streams = ['INFO', 'CREATE', 'UPDATE', 'PURGE', 'MSG.GET'].map((what) => `STREAM.${what}.*`);
    const api = [...streams, 'DIRECT.GET.>', 'CONSUMER.>'];
    return [...api.map((call) => `${this.#api}.${call}`), ...this.writes(['$KV.>', '$OBJ.>'])];
  }

  changes(stream: string): readonly string[] {
    return ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.DELETE', 'RESTORE'].map(
      (what) => `${this.#api}.STREAM.${what}.${stream}`,
    );
  }
}

/** Names of apps and agents, and the subjects, keys and buckets of the control plane, in one place, so that permissions can be derived of them. */
import { type Read, shape, text } from './read-json.ts';

export interface AgentName {
  readonly site: string;
  readonly agent: string;
}

export const agentName: Read<AgentName> = shape<AgentName>({ site: text, agent: text });

export function sameAgent(one: AgentName, other: AgentName): boolean {
  return one.site === other.site && one.agent === other.agent;
}

export function agentLabel({ site, agent }: AgentName): string {
  return `${site}/${agent}`;
}

export interface AppName {
  readonly namespace: string;
  readonly app: string;
}

/** For maps and messages: `default/shop`. */
export function appLabel({ namespace, app }: AppName): string {
  return `${namespace}/${app}`;
}

/** KV bucket of all control documents, in the JetStream domain of the cloud. */
export const CONTROL_BUCKET = 'cs-control';
/** KV bucket of the records of regions, in the domain of each region's own side. */
export const REGIONS_BUCKET = 'cs-regions';
/** Objects named by their digest: plans and components. */
export const ARTIFACTS_BUCKET = 'cs-artifacts';
/** The key of the coordinator's lease. */
export const LEASE_KEY = 'coordinator';
/** Every agent answers with its status. */
export const ASK_SUBJECT = 'cs-ctl.ask';
/** Agents that stand beside the control documents answer with where these are. */
export const WHERE_SUBJECT = 'cs-ctl.where';

/** What one agent listens or speaks on: `status` where something has changed, `beat` all the time, `logs`. Site and agent are NATS tokens. */
export function agentSubject(site: string, agent: string, what: string): string {
  return `cs-ctl.agent.${site}.${agent}.${what}`;
}

/** What a region's leader wishes of a fragment. */
export function wishSubject({ namespace, app }: AppName, fragment: string): string {
  return `cs.${namespace}.${app}.ctl.${fragment}`;
}

/** What fragments report to their region's leader. */
export function reportSubject({ namespace, app }: AppName, region: string): string {
  return `cs.${namespace}.${app}.lead.${region}`;
}

/** Phases of moves of an app's cells, as they come. */
export function eventsSubject({ namespace, app }: AppName): string {
  return `cs-ctl.events.${namespace}.${app}`;
}

export function appKey({ namespace, app }: AppName): string {
  return `apps.${namespace}.${app}`;
}

export function assignmentKey({ namespace, app }: AppName): string {
  return `assignments.${namespace}.${app}`;
}

export function siteKey(site: string): string {
  return `sites.${site}`;
}

export function regionKey({ namespace, app }: AppName, region: string): string {
  return `regions.${namespace}.${app}.${region}`;
}

/** Objects of an app's checkpoints; names of namespaces and apps have no `_`, so that no two apps share one. */
export function stateBucket({ namespace, app }: AppName): string {
  return `cs-state-${namespace}_${app}`;
}

/** The object that holds a plan, or a component. */
export function planObject(digest: string): string {
  return `plan/${digest}`;
}

export function componentObject(digest: string): string {
  return `component/${digest}`;
}

/** The object that holds a signature of a plan, by the public key of who signed it; as stores take names, in small letters. */
export function signatureObject(digest: string, key: string): string {
  return `signature/${digest}/${key.toLowerCase()}`;
}

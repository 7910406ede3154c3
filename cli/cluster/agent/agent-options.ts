/** What `cloudskin agent` is told, checked. */
import { availableParallelism } from 'node:os';
import { userError } from '../../../engine/errors.ts';

export interface AgentFlags {
  readonly site: string;
  readonly tier: 'edge' | 'cloud';
  readonly name?: string;
  readonly label: readonly string[];
  readonly nats?: string;
  readonly creds?: string;
  readonly ca?: string;
  readonly workers?: string;
  readonly data?: string;
  readonly replicas?: string;
  readonly keyFile?: string;
  readonly leaveWithin: string;
  readonly trust: readonly string[];
  readonly logLevel: string;
  readonly metrics?: string;
  readonly traces?: string;
  readonly traceEvery?: string;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MOST_WORKERS = 256;

/** A DNS label, as site and agent names are: they stand in NATS subjects. Throws `agent.bad-name`. */
export function checkName(what: string, name: string): string {
  if (LABEL.test(name)) return name;
  throw userError('agent.bad-name', `--${what} ${name}: expected lower-case letters, digits and hyphens, at most 63`, {
    hint: `for example --${what} plant-7`,
  });
}

export function collectLabel(text: string, sofar: readonly string[]): readonly string[] {
  if (/^[A-Za-z0-9._-]+(=[A-Za-z0-9._-]+)?$/.test(text)) return [...sofar, text];
  throw userError('agent.bad-label', `--label ${text}: expected a name, or name=value`, {
    hint: 'for example --label rack=7',
  });
}

/** Whether it is a key is seen when the agent starts. */
export function collectTrusted(text: string, sofar: readonly string[]): readonly string[] {
  return [...sofar, text];
}

/** A worker a core, but one core is left to talk, and two at least. */
export function workersOf(text: string | undefined): number {
  if (text === undefined) return Math.max(2, availableParallelism() - 1);
  const workers = Number(text);
  if (Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS) return workers;
  throw userError('agent.bad-workers', `--workers ${text}: expected a number from 1 to ${MOST_WORKERS}`);
}

export function replicasOf(text: string | undefined): { readonly replicas?: number } {
  if (text === undefined) return {};
  if (text === '1' || text === '3' || text === '5') return { replicas: Number(text) };
  throw userError('agent.bad-replicas', `--replicas ${text}: expected 1, 3 or 5`);
}

/** An agent's own directory: its name, kept from start to start, and a lock, because two agents with one memory would undo each other. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { externalError, userError } from '../../../engine/errors.ts';
import { home } from '../up/home.ts';
import { isRunning, ownRecord, type ProcessRecord } from '../up/processes.ts';

export interface DataDirectory {
  readonly path: string;
  readonly agent: string;
  release(): void;
}

/** `given`: the directory, `name`: the agent's. Throws `agent.in-use` where another agent runs on it, `agent.renamed` where it was another's. */
export function openDataDirectory(site: string, given: string | undefined, name: string | undefined): DataDirectory {
  const path = resolve(given ?? join(home(), 'agents', name === undefined ? site : `${site}.${name}`));
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw externalError('agent.no-data', `${path} cannot be made`, {
      hint: 'name another directory with --data',
      cause,
    });
  }
  lock(path);
  return { path, agent: agentName(path, site, name), release: () => rmSync(join(path, 'lock.json'), { force: true }) };
}

function lock(path: string): void {
  const file = join(path, 'lock.json');
  const held = existsSync(file) ? parse(readFileSync(file, 'utf8')) : undefined;
  if (held !== undefined && held.pid !== process.pid && isRunning(held)) {
    throw userError('agent.in-use', `another agent (process ${held.pid}) runs on ${path}`, {
      hint: 'give this one a --name and a --data directory of its own',
    });
  }
  writeFileSync(file, JSON.stringify(ownRecord('agent')));
}

function parse(text: string): ProcessRecord | undefined {
  try {
    return JSON.parse(text) as ProcessRecord;
  } catch {
    // Cut off by a crash: whoever wrote it is gone.
    return undefined;
  }
}

function agentName(path: string, site: string, wanted: string | undefined): string {
  const file = join(path, 'agent.json');
  const known = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { site: string; agent: string })
    : undefined;
  if (known === undefined) {
    const agent = wanted ?? `${site}-1`;
    writeFileSync(file, JSON.stringify({ site, agent }));
    return agent;
  }
  if (known.site === site && (wanted === undefined || wanted === known.agent)) return known.agent;
  throw userError('agent.renamed', `${path} is the memory of agent ${known.agent} of site ${known.site}`, {
    hint: 'give this one a --data directory of its own',
  });
}

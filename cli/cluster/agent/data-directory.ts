/** An agent's own directory: its name, kept from start to start, and a lock, because two agents with one memory would undo each other. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CloudskinError, externalError, messageOf, userError } from '../../../engine/errors.ts';
import { takeLock } from '../../place/lock.ts';
import { home } from '../up/home.ts';

export interface DataDirectory {
  readonly path: string;
  readonly agent: string;
  /** The servers that it was used with before. */
  readonly former: readonly string[];
  release(): void;
}

export interface Whose {
  readonly site: string;
  /** The agent's; the one it had, or SITE-1, unless given. */
  readonly name: string | undefined;
  readonly servers: readonly string[];
}

/** `given`: the directory; unless given one of the site, and of the name where that is given, so that agents started beside each other do not meet. Throws `agent.no-data` where it cannot be written, `agent.in-use` where another agent runs on it, `agent.renamed` where it was another's. */
export function openDataDirectory(given: string | undefined, { site, name, servers }: Whose): DataDirectory {
  const path = resolve(given ?? join(home(), 'agents', name === undefined ? site : `${site}.${name}`));
  try {
    mkdirSync(path, { recursive: true });
    return opened(path, { site, name, servers });
  } catch (cause) {
    if (cause instanceof CloudskinError) throw cause;
    throw externalError('agent.no-data', `${path} cannot hold what the agent must remember: ${messageOf(cause)}`, {
      hint: 'make it writable, or name another directory with --data',
      cause,
    });
  }
}

function opened(path: string, { site, name, servers }: Whose): DataDirectory {
  const { release } = takeLock(join(path, 'lock.json'), ({ pid }) => inUse(path, site, name, pid));
  try {
    const memory = remember(path, { site, agent: name, servers });
    return { path, agent: memory.agent, former: memory.servers ?? [], release };
  } catch (error) {
    release();
    throw error;
  }
}

function inUse(path: string, site: string, name: string | undefined, pid: number): Error {
  const other = `give this one ${name === undefined ? 'a --name, with which its memory is elsewhere,' : 'another --name'} or a --data directory of its own`;
  return userError(
    'agent.in-use',
    `an agent of site ${site} runs here already (process ${pid}), with its memory in ${path}`,
    {
      hint: other,
    },
  );
}

interface Memory {
  readonly site: string;
  readonly agent: string;
  /** That it was used with last, without secrets; absent in versions that did not say. */
  readonly servers?: readonly string[];
}

/** Whose memory it is, from now on with these servers. */
function remember(
  path: string,
  now: { readonly site: string; readonly agent: string | undefined; readonly servers: readonly string[] },
): Memory {
  const file = join(path, 'agent.json');
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Memory) : undefined;
  if (known !== undefined && (known.site !== now.site || (now.agent ?? known.agent) !== known.agent)) {
    throw userError('agent.renamed', `${path} is the memory of agent ${known.agent} of site ${known.site}`, {
      hint: 'give this one a --data directory of its own',
    });
  }
  const agent = known?.agent ?? now.agent ?? `${now.site}-1`;
  const servers = now.servers.map((url) => url.replace(/\/\/[^/@]*@/, '//'));
  const memory: Memory = { site: now.site, agent, servers };
  if (!isDeepStrictEqual(known, memory)) {
    writeFileSync(`${file}.new`, JSON.stringify(memory));
    renameSync(`${file}.new`, file);
  }
  return { ...memory, servers: known?.servers ?? servers };
}

/** What is to be said of a memory that comes from elsewhere; undefined where it does not. */
export function movedText({ path, agent, former }: DataDirectory, servers: readonly string[]): string | undefined {
  const same = former.some((url) => servers.some((other) => other.endsWith(url.replace(/^.*\/\//, ''))));
  if (same) return undefined;
  return `${path} holds what agent ${agent} did with ${former.join(', ')}: apps that it knows from there and that are not known here are given to these servers; where they are another continuum's, stop it and give it another --data directory`;
}

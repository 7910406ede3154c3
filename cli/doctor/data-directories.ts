/** What `cloudskin doctor` says of the data directories of agents: how full their disks are, and what logs take of them. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DiskUse } from '../../engine/cluster/documents/disk-use.ts';
import { messageOf } from '../../engine/errors.ts';
import { diskUse } from '../cluster/agent/disk-watch.ts';
import { home } from '../cluster/up/home.ts';
import { duration, plural, size } from '../output/figures.ts';
import type { Finding } from './nats.ts';

/** `given`: of an agent; without it those of this user's agents. */
export async function dataDirectories(given: string | undefined, now: number): Promise<readonly Finding[]> {
  return Promise.all((given === undefined ? known() : [resolve(given)]).map((path) => finding(path, now)));
}

function known(): readonly string[] {
  // those of agents started by hand, and those of `up`
  const places = [join(home(), 'agents'), join(home(), 'up')].filter((place) => existsSync(place));
  const paths = places.flatMap((place) => readdirSync(place).map((name) => join(place, name)));
  return paths.filter((path) => existsSync(join(path, 'agent.json')));
}

async function finding(path: string, now: number): Promise<Finding> {
  const name = 'Agent data';
  try {
    const disk = await diskUse(path);
    return { name, status: disk.short ? 'missing' : 'ok', detail: `${path}: ${text(disk, now)}`, disk };
  } catch (error) {
    return { name, status: 'missing', detail: `${path}: ${messageOf(error)}` };
  }
}

function text({ free, size: whole, reserve, short, logs }: DiskUse, now: number): string {
  const room = `${size(free)} of ${size(whole)} free, ${size(reserve)} kept for checkpoints`;
  const bytes = logs.reduce((sum, log) => sum + log.bytes, 0);
  const oldest = Math.min(...logs.map((log) => log.oldest ?? now));
  const held = logs.length === 0 ? 'no logs' : `${plural(logs.length, 'log')}, ${size(bytes)}`;
  const since = logs.length === 0 ? '' : `, from ${duration(Math.max(0, now - oldest) / 1_000)} ago on`;
  return `${room}; ${held}${since}${short ? ': they wait until there is more room' : ''}`;
}

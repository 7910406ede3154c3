/** Starts again what has ended of a continuum that is up. */

import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../../engine/defined.ts';
import { externalError } from '../../../engine/errors.ts';
import type { Progress } from '../../output/progress.ts';
import { isRunning } from '../../place/process-mark.ts';
import { withCluster } from '../connect.ts';
import { home, readUpState, type UpState, writeUpState } from './home.ts';
import { startDetached } from './processes.ts';

/** Milliseconds. */
const AGENTS_READY = 20_000;
const LOOK = 50;
const WATCH = 500;

/** Resolves to the names of what was started again, once both agents are there; nothing where nothing had ended. */
export async function repairContinuum(state: UpState, progress: Progress): Promise<readonly string[]> {
  const started: string[] = [];
  let processes = state.processes;
  for (const record of state.processes) {
    if (isRunning(record)) continue;
    const { name, log, launch } = record;
    if (launch === undefined) {
      throw externalError('up.ended', `${name} has ended, and how it was started is not known`, {
        hint: 'cloudskin down, then cloudskin up',
      });
    }
    progress.step(`starting ${name} again`);
    const again = startDetached(name, launch.command, launch.args, log, environmentOf(name));
    processes = processes.map((one) => (one === record ? again : one));
    writeUpState({ ...state, processes });
    started.push(name);
  }
  if (started.length > 0) await agentsReady({ ...state, processes }, progress);
  return started;
}

/** Starts again whatever ends until `signal` is aborted, or the continuum is taken down; `say` is told what it was. */
export async function watchContinuum(
  progress: Progress,
  signal: AbortSignal,
  say: (started: readonly string[]) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const state = readUpState();
    if (state === undefined) return;
    const started = await repairContinuum(state, progress);
    progress.end();
    if (started.length > 0) await say(started);
    await sleep(WATCH, undefined, { signal }).catch(() => undefined);
  }
}

/** What the shell says of NATS is meant for other commands, not for agents. */
export function environmentOf(name: string): NodeJS.ProcessEnv {
  if (!name.startsWith('agent-')) return process.env;
  const { CLOUDSKIN_NATS: _url, CLOUDSKIN_CREDS: _creds, CLOUDSKIN_CA: _ca, ...environment } = process.env;
  return environment;
}

/** Resolves when both agents answer and one coordinates. */
export async function agentsReady(state: UpState, progress: Progress): Promise<void> {
  const until = performance.now() + AGENTS_READY;
  const { hub, creds, ca } = state;
  const access = { ...defined({ creds, ca }) };
  const problem = await withServer(until, () =>
    withCluster({ nats: hub, ...access }, async ({ client }) => {
      for (;;) {
        mustRun(state);
        const there = await client.ask(300, (all) => all.length === 2);
        if (there.length === 2 && there.some(({ coordinator }) => coordinator)) return undefined;
        const agents = `waiting for agents: ${there.length} of 2 are there`;
        progress.step(there.length === 2 ? 'waiting for a coordinator' : agents);
        if (performance.now() > until) return `${2 - there.length} of 2 agents did not come`;
        await sleep(LOOK);
      }
    }),
  );
  if (problem === undefined) return;
  throw externalError('up.no-agents', problem, { hint: `see ${join(home(), 'up', 'logs')}` });
}

/** A server that has just been started does not answer yet. */
async function withServer<T>(until: number, use: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await use();
    } catch (error) {
      const isEarly = error instanceof Error && 'code' in error && error.code === 'nats.connect';
      if (!isEarly || performance.now() > until) throw error;
      await sleep(LOOK);
    }
  }
}

export function mustRun({ processes }: UpState): void {
  const dead = processes.find((record) => !isRunning(record));
  if (dead !== undefined) throw externalError('up.ended', `${dead.name} has ended`, { hint: `see ${dead.log}` });
}

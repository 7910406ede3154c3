/** Starts a whole continuum on this machine: a central NATS server, an edge's as its leaf node, an agent beside each. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { externalError, userError } from '../../../engine/errors.ts';
import { connectNats } from '../../../engine/nats/client.ts';
import { type LocalAuth, type LocalPorts, secureLocal } from '../../auth/local.ts';
import type { Progress } from '../../output/progress.ts';
import { isRunning } from '../../place/process-mark.ts';
import { credentials } from '../connect.ts';
import { deleteUpState, home, readUpState, type UpState, writeUpState } from './home.ts';
import {
  findNatsServer,
  freePorts,
  hubConfig,
  leafConfig,
  type NatsServerBinary,
  type ServerFiles,
} from './nats-server.ts';
import { endProcess, type ProcessRecord, startDetached } from './processes.ts';
import { agentsReady, environmentOf, mustRun, repairContinuum } from './up-repair.ts';

export interface UpOptions {
  readonly natsServer?: string;
  readonly workers?: string;
  readonly port: string;
  readonly watch?: boolean;
  /** With credentials and TLS. */
  readonly auth?: boolean;
}

/** Milliseconds. */
const SERVER_READY = 15_000;
const AGENT_ENDS = 6_000;
const SERVER_ENDS = 5_000;
const LOOK = 50;

/** Resolves when both agents are there; stops what it started where it cannot. What is up in part is made whole. */
export async function startContinuum(options: UpOptions, progress: Progress): Promise<Upped> {
  const known = await repaired(options, progress);
  if (known !== undefined) return known;
  const binary = findNatsServer(options.natsServer);
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw userError('up.bad-port', `--port ${options.port}: expected a number from 0 to 65535`);
  }
  const up = new Continuum(binary, options);
  try {
    await up.start(port, progress);
    return { state: up.state, moved: up.moved };
  } catch (error) {
    progress.step('stopping what was started');
    await stopContinuum(up.state, progress);
    throw error;
  }
}

/** `started`: what had ended and was started again; absent where all was started. */
export interface Upped {
  readonly state: UpState;
  readonly started?: readonly string[];
  /** Ports that were wanted and are taken. */
  readonly moved?: readonly MovedPort[];
}

export interface MovedPort {
  readonly server: 'hub' | 'leaf';
  readonly wanted: number;
  readonly port: number;
}

/** Throws `up.already` where all of it runs, unless it is to be watched. */
async function repaired({ watch }: UpOptions, progress: Progress): Promise<Upped | undefined> {
  const state = readUpState();
  const running = state?.processes.filter(isRunning) ?? [];
  if (state === undefined || running.length === 0) return undefined;
  if (running.length === state.processes.length && watch !== true) {
    throw userError('up.already', `a continuum is up already at ${state.hub}`, { hint: 'cloudskin down stops it' });
  }
  const started = await repairContinuum(state, progress);
  return { state: readUpState() ?? state, started };
}

class Continuum {
  readonly #binary: NatsServerBinary;
  readonly #options: UpOptions;
  readonly #directory = join(home(), 'up');
  state: UpState = { format: 1, created: Date.now(), hub: '', leaf: '', processes: [] };

  moved: readonly MovedPort[] = [];
  #auth: LocalAuth | undefined;

  constructor(binary: NatsServerBinary, options: UpOptions) {
    this.#binary = binary;
    this.#options = options;
  }

  async start(port: number, progress: Progress): Promise<void> {
    mkdirSync(this.#directory, { recursive: true });
    const { version } = this.#binary;
    const second = port === 0 ? 0 : port + 1;
    const [hubPort = 0, edgePort = 0, leafPort = 0] = await freePorts([port, second, 0]);
    this.moved = [
      { server: 'hub' as const, wanted: port, port: hubPort },
      { server: 'leaf' as const, wanted: second, port: edgePort },
    ].filter((one) => one.wanted !== 0 && one.wanted !== one.port);
    const { hub, leaf } = await this.#servers({ hub: hubPort, edge: edgePort, leaf: leafPort });
    progress.step(`starting nats-server ${version} at ${hub.url}`);
    this.state = { ...this.state, hub: hub.url };
    this.#keep(startDetached('nats-hub', this.#binary.path, ['-c', hub.config], this.#log('nats-hub')));
    await this.#ready(hub.url);
    progress.step(`starting its leaf node at ${leaf.url}`);
    this.state = { ...this.state, leaf: leaf.url };
    this.#keep(startDetached('nats-edge', this.#binary.path, ['-c', leaf.config], this.#log('nats-edge')));
    await this.#ready(leaf.url);
    progress.step('starting the agents of sites cloud and edge');
    this.#agent('cloud', hub.url);
    this.#agent('edge', leaf.url);
    await agentsReady(this.state, progress);
  }

  /** Their configurations, and how they are reached. */
  async #servers(ports: LocalPorts): Promise<{ readonly hub: ServerFiles; readonly leaf: ServerFiles }> {
    const { version } = this.#binary;
    if (this.#options.auth === true) {
      this.#auth = await secureLocal(join(this.#directory, 'auth'), version, ports);
      this.state = { ...this.state, creds: this.#auth.admin, ca: this.#auth.ca };
      return this.#auth;
    }
    const common = { directory: this.#directory, version, leafPort: ports.leaf };
    return { hub: hubConfig({ ...common, port: ports.hub }), leaf: leafConfig({ ...common, port: ports.edge }) };
  }

  #agent(site: 'cloud' | 'edge', url: string): void {
    const { workers } = this.#options;
    const args = [
      ...['agent', '--site', site, '--tier', site, '--nats', url, '--data', join(this.#directory, `agent-${site}`)],
      ...(workers === undefined ? [] : ['--workers', workers]),
      ...(this.#auth === undefined ? [] : ['--creds', this.#auth.agent(site), '--ca', this.#auth.ca]),
    ];
    const name = `agent-${site}`;
    this.#keep(
      startDetached(
        name,
        process.execPath,
        [...process.execArgv, bin(), ...args],
        this.#log(name),
        environmentOf(name),
      ),
    );
  }

  get #access(): { readonly creds?: string; readonly ca?: string } {
    return this.#auth === undefined ? {} : { creds: this.#auth.admin, ca: this.#auth.ca };
  }

  #log(name: string): string {
    return join(this.#directory, 'logs', `${name}.log`);
  }

  #keep(record: ProcessRecord): void {
    this.state = { ...this.state, processes: [...this.state.processes, record] };
    writeUpState(this.state);
  }

  async #ready(url: string): Promise<void> {
    const until = performance.now() + SERVER_READY;
    for (;;) {
      mustRun(this.state);
      try {
        const access = credentials({ nats: url, ...this.#access });
        return await (await connectNats({ servers: url, name: 'cloudskin up', timeout: 1_000, ...access })).close();
      } catch (cause) {
        if (performance.now() > until)
          throw externalError('up.no-server', `nats-server does not answer at ${url}`, { cause });
      }
      await sleep(LOOK);
    }
  }
}

/** The command line itself: TypeScript in a checkout, JavaScript in what is published. */
function bin(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../bin.ts' : '../../bin.js', import.meta.url));
}

/** Ends exactly what `up` started and still runs, agents first. Resolves to the number of processes ended. */
export async function stopContinuum(state: UpState, progress: Progress): Promise<number> {
  const agents = state.processes.filter(({ name }) => name.startsWith('agent-'));
  const servers = state.processes.filter(({ name }) => !name.startsWith('agent-'));
  progress.step('stopping agents, after a last checkpoint');
  const ended = await Promise.all(agents.map((record) => endProcess(record, AGENT_ENDS)));
  progress.step('stopping NATS servers');
  for (const record of servers.toReversed()) ended.push(await endProcess(record, SERVER_ENDS));
  deleteUpState();
  return ended.filter((how) => how !== 'gone').length;
}

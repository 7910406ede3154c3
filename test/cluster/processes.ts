/**
 * A continuum of real processes: two NATS servers, hub and leaf, and agents of the command line beside them, killed, stopped and continued as a
 * test wants, and gone when it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { AgentStatus, RegionFigures } from '../../engine/cluster/documents/status.ts';
import { defined } from '../../engine/defined.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { cliPath, type Ended } from '../cli/command.ts';
import { type HubAndLeaf, startHubAndLeaf } from '../kit/nats-cluster.ts';
import type { NatsServer } from '../kit/nats-server.ts';
import { freeze, owned } from '../kit/owned.ts';
import type { Relay } from '../kit/relay.ts';
import { until } from '../kit/until.ts';

export interface AgentDraft {
  readonly site: string;
  readonly tier: 'edge' | 'cloud';
  readonly name?: string;
}

export interface AgentStart {
  /** Further arguments of the command. */
  readonly more?: readonly string[];
  /** Of Node, in front of the program. */
  readonly node?: readonly string[];
  /** Besides this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The program; that of the sources unless given. */
  readonly program?: string;
  /** Hears every line of its log. */
  readonly hear?: (line: string) => void;
}

export class AgentProcess {
  readonly #args: readonly string[];
  readonly #given: AgentStart;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(args: readonly string[], given: AgentStart = {}) {
    this.#args = args;
    this.#given = given;
  }

  /** Everything that it has logged, over all its lives. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const { node = [], more = [], hear, program = cliPath, environment = {} } = this.#given;
    const args = [...node, program, 'agent', ...this.#args, ...more];
    const env = { ...process.env, ...environment };
    const child = owned(spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] }));
    let rest = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
      if (hear === undefined) return;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) hear(line);
    });
    this.#child = child;
  }

  /** Resolves to the exit status when it is gone. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => child.once('exit', (status) => resolve(status)));
    child.kill(signal);
    if (signal !== 'SIGSTOP') child.kill('SIGCONT');
    return await gone;
  }

  kill(): Promise<number | null> {
    return this.end('SIGKILL');
  }

  restart(): void {
    this.start();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  freeze(): void {
    freeze(this.#child);
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}

export class Continuum {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'cs-continuum-'));
  readonly hub: NatsServer;
  readonly leaf: NatsServer;
  /** Between leaf and hub. */
  readonly link: Relay;
  readonly client: ClusterClient;
  readonly #nats: Nats;
  readonly #agents: AgentProcess[] = [];
  readonly #close: () => Promise<void>;

  private constructor(nats: Nats, { hub, leaf, link, stop }: HubAndLeaf) {
    this.#nats = nats;
    this.client = new ClusterClient(nats, realPorts, 'hub');
    this.hub = hub;
    this.leaf = leaf;
    this.link = link;
    this.#close = stop;
  }

  static async start(): Promise<Continuum> {
    const servers = await startHubAndLeaf();
    return new Continuum(await connectNats({ servers: servers.hub.url }), servers);
  }

  agent({ site, tier, name }: AgentDraft, given: AgentStart = {}): AgentProcess {
    const data = join(this.directory, `agent-${site}-${name ?? '1'}`);
    const url = tier === 'cloud' ? this.hub.url : this.leaf.url;
    const own = name === undefined ? [] : ['--name', name];
    const where = ['--site', site, '--tier', tier, '--nats', url, '--data', data, '--workers', '1'];
    const agent = new AgentProcess([...where, ...own], given);
    agent.start();
    this.#agents.push(agent);
    return agent;
  }

  /** Resolves when so many agents answer, and one of them coordinates. */
  async ready(agents: number): Promise<void> {
    await this.until(async () => {
      const there = await this.client.ask(300, (all) => all.length === agents);
      return there.length === agents && there.some(({ coordinator }) => coordinator);
    });
  }

  /** Resolves to what `look` finds, once it finds something; says what the agents logged where it does not. */
  until<T>(look: () => Promise<T | false | undefined> | T | false | undefined, within?: number): Promise<T> {
    return until(look, { ...defined({ within }), every: 50, told: () => this.logs() });
  }

  /** Resolves to a region of an app once it is as wanted. */
  whenRegion(
    app: string,
    wanted: (region: RegionFigures) => boolean,
    { name = 'main', within }: { readonly name?: string; readonly within?: number } = {},
  ): Promise<RegionFigures> {
    return this.until(async () => {
      const region = await this.region(app, name);
      return region !== undefined && wanted(region) && region;
    }, within);
  }

  /** A region of an app, as its leader tells; undefined while no one does. */
  async region(app: string, name = 'main'): Promise<RegionFigures | undefined> {
    const agents = await this.client.ask(250, (all) => all.length === this.#agents.length);
    const regions = agents.flatMap(({ regions }) => regions.filter((one) => one.app === app && one.region === name));
    return regions.sort((a, b) => b.epoch - a.epoch)[0];
  }

  /** Resolves when `more` further checkpoints of an app's regions are complete. */
  async advance(app: string, namespace = 'default', more = 3): Promise<void> {
    const mine = ({ regions }: AgentStatus): readonly RegionFigures[] =>
      regions.filter((one) => one.app === app && one.namespace === namespace);
    const look = async (): Promise<number> => {
      const agents = await this.client.ask(300, (all) => all.some((agent) => mine(agent).length > 0));
      return Math.max(0, ...agents.flatMap(mine).map(({ checkpoint }) => checkpoint));
    };
    const before = await look();
    await this.until(async () => (await look()) >= before + more);
  }

  /** Writes a graph file; relative paths in it count from the continuum's directory. */
  graph(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8');
  }

  /** What the file sinks wrote whose names begin so, in order; the last line may be half written. */
  rows(start: string): readonly Readonly<Record<string, unknown>>[] {
    const files = readdirSync(this.directory).filter((name) => name.startsWith(start) && name.endsWith('.ndjson'));
    const lines = files.sort().flatMap((name) => this.read(name).split('\n').slice(0, -1));
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  /** Column `id` of these. */
  ids(start: string): readonly number[] {
    return this.rows(start).map(({ id }) => Number(id));
  }

  /** Runs a command against the hub. */
  run(...args: string[]): Promise<Ended> {
    const environment = { ...process.env, NO_COLOR: '1', CLOUDSKIN_HOME: this.directory, CLOUDSKIN_NATS: this.hub.url };
    const child = owned(
      spawn(process.execPath, [cliPath, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
  }

  /** Runs a command that has to succeed; resolves to what it printed. */
  async ok(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    if (status !== 0) throw new Error(`cloudskin ${args.join(' ')}: ${stdout}${stderr}${this.logs()}`);
    return stdout;
  }

  logs(): string {
    return this.#agents.map((agent) => agent.log.slice(-3_000)).join('\n');
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.end('SIGKILL')));
    await this.#nats.close(200);
    await this.#close();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

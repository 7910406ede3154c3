/**
 * A continuum as `cloudskin auth` makes it: real servers, hub and leaf nodes, that take JWT credentials over TLS, agents and commands with theirs;
 * and strangers, whom the servers let in.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccount, createUser, type KeyPair } from '@nats-io/nkeys';
import { AuthDirectory, type Book } from '../../cli/auth/book.ts';
import { accountJwt, credentialsOf } from '../../cli/auth/identities.ts';
import { urlOf } from '../../cli/auth/init.ts';
import { agentUser } from '../../cli/auth/issue.ts';
import { serverFile } from '../../cli/auth/server-files.ts';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { Permissions } from '../../engine/cluster/security/permissions.ts';
import { defined } from '../../engine/defined.ts';
import { connectNats, type NatsOptions } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import type { Ended } from '../cli/command.ts';
import { AgentProcess } from '../cluster/processes.ts';
import { type NatsVersion, natsBinary } from '../kit/nats-binaries.ts';
import { freePort } from '../kit/nats-server.ts';
import { owned } from '../kit/owned.ts';
import { until } from '../kit/until.ts';
import { runCommand } from './commands.ts';

export interface SecuredOptions {
  readonly version: NatsVersion;
  /** `hub:cloud`, `plant:edge`. */
  readonly sites: readonly string[];
  readonly flags?: readonly string[];
}

export class Secured {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'cs-secured-'));
  readonly auth: AuthDirectory = new AuthDirectory(join(this.directory, 'auth'));
  readonly #binary: string;
  readonly #servers = new Map<string, ChildProcess>();
  readonly #agents: AgentProcess[] = [];
  readonly #clients: Nats[] = [];
  readonly #foreign: KeyPair = createAccount();
  #admin: ClusterClient | undefined;

  private constructor(binary: string) {
    this.#binary = binary;
  }

  static async make({ version, sites, flags = [] }: SecuredOptions): Promise<Secured> {
    const made = new Secured(natsBinary(version)?.path ?? '');
    const [port, leafPort] = [await freePort(), await freePort()];
    const where = ['--port', String(port), '--leaf-port', String(leafPort), '--nats-server', made.#binary];
    const named = sites.flatMap((site) => ['--site', site]);
    await made.ok('auth', 'init', '--out', made.auth.path, ...named, ...where, ...flags);
    return made;
  }

  get agents(): readonly AgentProcess[] {
    return this.#agents;
  }

  get book(): Book {
    return this.auth.read();
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  graph(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  permit(graph: string, ...flags: string[]): Promise<string> {
    return this.ok('auth', 'graph', graph, '--dir', this.auth.path, ...flags);
  }

  /** Starts the central server, then those of the edges. */
  async startServers(): Promise<void> {
    await this.#letForeignersIn();
    for (const file of new Set(['hub.conf', ...this.book.sites.map(serverFile)])) await this.startServer(file);
  }

  async startServer(file: string): Promise<void> {
    const child = owned(
      spawn(this.#binary, ['-c', join(this.auth.path, file)], { stdio: ['ignore', 'ignore', 'pipe'] }),
    );
    this.#servers.set(file, child);
    const wanted = file === 'hub.conf' ? 'Server is ready' : 'Leafnode connection created';
    let log = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-100_000);
        if (log.includes(wanted)) resolve();
      });
      child.on('exit', () => reject(new Error(`nats-server ended: ${log.slice(-1_000)}`)));
    });
  }

  async stopServer(file: string): Promise<void> {
    const child = this.#servers.get(file);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** An account of somebody else's, on the same server. */
  async #letForeignersIn(): Promise<void> {
    const jwt = await accountJwt(this.#foreign, this.auth.key('operator'), { name: 'foreign', jetstream: true });
    const file = join(this.auth.path, 'hub.conf');
    const preload = 'resolver_preload: {';
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(preload, `${preload}\n  ${this.#foreign.getPublicKey()}: ${jwt}`));
  }

  agent(site: string, ...flags: readonly string[]): AgentProcess {
    return this.agentWith(site, {}, ...flags);
  }

  /** With more in its environment. */
  agentWith(site: string, environment: Readonly<Record<string, string>>, ...flags: readonly string[]): AgentProcess {
    const found = this.book.sites.find(({ name }) => name === site);
    if (found === undefined) throw new Error(`no site ${site}`);
    const access = ['--nats', urlOf(this.book, found), '--creds', this.auth.credentials(agentUser(site))];
    const where = ['--site', site, '--tier', found.tier, '--data', this.path(`agent-${site}`), '--workers', '1'];
    const agent = new AgentProcess([...where, ...access, ...this.#ca, ...flags], { environment });
    agent.start();
    this.#agents.push(agent);
    return agent;
  }

  get #ca(): readonly string[] {
    return this.book.tls ? ['--ca', this.path('auth/tls/ca.pem')] : [];
  }

  /** Somebody whom a server lets in, beside a site, or the hub. */
  async connect(credentials: string, site = 'hub'): Promise<Nats> {
    const place = this.book.sites.find(({ name }) => name === site) ?? this.book.hub;
    const tls: Pick<NatsOptions, 'tls'> = this.book.tls ? { tls: { ca: this.path('auth/tls/ca.pem') } } : {};
    const nats = await connectNats({ servers: urlOf(this.book, place), credentials, ...tls });
    this.#clients.push(nats);
    return nats;
  }

  /** Full rights in an account of its own. */
  foreigner(): Promise<string> {
    return credentialsOf(createUser(), this.#foreign, { name: 'foreigner' });
  }

  /** In the account of the continuum. */
  member(name: string, permissions: Permissions, expires?: number): Promise<string> {
    const draft = { name, permissions, ...defined({ expires }) };
    return credentialsOf(createUser(), this.auth.key('account'), draft);
  }

  async admin(): Promise<ClusterClient> {
    this.#admin ??= new ClusterClient(await this.connect(this.auth.credentials('admin')), realPorts, 'hub');
    return this.#admin;
  }

  async ready(agents: number): Promise<void> {
    const admin = await this.admin();
    await this.until(async () => {
      const there = await admin.ask(300, (all) => all.length === agents);
      return there.length === agents && there.some(({ coordinator }) => coordinator);
    });
  }

  until<T>(look: () => Promise<T | false | undefined> | T | false | undefined): Promise<T> {
    return until(look, { every: 50, told: () => this.logs() });
  }

  async region(app: string, wanted: (region: RegionFigures) => boolean): Promise<RegionFigures> {
    const admin = await this.admin();
    return this.until(async () => {
      const agents = await admin.ask(250, (all) => all.length === this.#agents.length);
      const regions = agents.flatMap(({ regions }) => regions.filter((one) => one.app === app));
      const region = regions.sort((a, b) => b.epoch - a.epoch)[0];
      return region !== undefined && wanted(region) && region;
    });
  }

  /** Whole numbers that the files of a sink hold, in their order. */
  ids(name: string): readonly number[] {
    const files = readdirSync(this.directory).filter((file) => file.startsWith(name) && file.endsWith('.ndjson'));
    const lines = files.sort().flatMap((file) => readFileSync(this.path(file), 'utf8').trimEnd().split('\n'));
    return lines.map((line) => (JSON.parse(line) as { readonly id: number }).id);
  }

  /** Runs a command with the credentials of the command line. */
  run(...args: string[]): Promise<Ended> {
    return runCommand(args, { CLOUDSKIN_HOME: this.path('home'), ...this.#environment() });
  }

  #environment(): Readonly<Record<string, string>> {
    if (this.#servers.size === 0) return {};
    return {
      CLOUDSKIN_NATS: urlOf(this.book, this.book.hub),
      CLOUDSKIN_CREDS: this.auth.credentials('admin'),
      ...(this.book.tls ? { CLOUDSKIN_CA: this.path('auth/tls/ca.pem') } : {}),
    };
  }

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
    await Promise.all(this.#clients.map((nats) => nats.close(200)));
    await Promise.all([...this.#servers.keys()].map((file) => this.stopServer(file)));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Real NATS servers for tests: each on free ports of 127.0.0.1 with a temporary directory of its own, killed, frozen, restarted and put back
 * to an older disk as a test wants, and gone when it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type NatsVersion, NO_NATS, natsBinary } from './nats-binaries.ts';
import { freeze, owned } from './owned.ts';

export { freePort } from './free-port.ts';
export { hasNats, type NatsVersion, NO_NATS } from './nats-binaries.ts';

export interface NatsServerOptions {
  /** `installed` unless given. */
  readonly version?: NatsVersion;
  readonly name?: string;
  /** A free one unless given. */
  readonly port?: number;
  /** With JetStream, on files; true unless given. */
  readonly jetstream?: boolean;
  readonly domain?: string;
  readonly maxPayload?: number;
  /** Bytes of JetStream's files; 1 GiB unless given. */
  readonly maxStore?: number;
  /** Lines of the server's configuration. */
  readonly config?: string;
  /** The clients' address begins with `tls://`. */
  readonly tls?: boolean;
}

const READY_WITHIN = 30_000;
export class NatsServer {
  readonly version: string;
  readonly port: number;
  readonly directory: string;
  readonly #binary: string;
  readonly #options: NatsServerOptions;
  #child: ChildProcess | undefined;
  #log = '';
  #lines = new Set<(log: string) => void>();

  private constructor(
    binary: { path: string; version: string },
    port: number,
    directory: string,
    options: NatsServerOptions,
  ) {
    this.#binary = binary.path;
    this.version = binary.version;
    this.port = port;
    this.directory = directory;
    this.#options = options;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const wanted = options.version ?? 'installed';
    const binary = natsBinary(wanted);
    if (binary === undefined) throw new Error(NO_NATS[wanted]);
    const directory = await mkdtemp(join(tmpdir(), 'cs-nats-'));
    const server = new NatsServer(binary, options.port ?? (await freePort()), directory, options);
    await writeFile(server.#file, server.#config());
    await server.restart().catch(async (error: unknown) => {
      await server.stop();
      throw error;
    });
    return server;
  }

  get url(): string {
    return `${this.#options.tls === true ? 'tls' : 'nats'}://127.0.0.1:${this.port}`;
  }

  /** What the server has written. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it again, on the same port and the same disk; resolves when it takes clients. */
  async restart(): Promise<void> {
    await this.kill();
    this.#log = '';
    const child = owned(spawn(this.#binary, ['-c', this.#file], { stdio: ['ignore', 'ignore', 'pipe'] }));
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    child.on('exit', () => {
      for (const line of [...this.#lines]) line(this.#log);
    });
    await this.logged('Server is ready');
  }

  /** Resolves when the log has this text. */
  logged(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void): void => {
        clearTimeout(timer);
        this.#lines.delete(look);
        settled();
      };
      const look = (log: string): void => {
        if (log.includes(text)) settle(resolve);
        else if (this.#child === undefined || this.#child.exitCode !== null) {
          settle(() => reject(new Error(`nats-server ended: ${log.slice(-1000)}`)));
        }
      };
      const late = (): void =>
        settle(() => reject(new Error(`nats-server did not say "${text}": ${this.#log.slice(-1000)}`)));
      const timer = setTimeout(late, READY_WITHIN);
      this.#lines.add(look);
      look(this.#log);
    });
  }

  /** As `kill -9`; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Asks it to end, as a system that shuts down does. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  freeze(): void {
    freeze(this.#child);
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Copies JetStream's disk as it is, also under a running server; `restore` puts it back. */
  async backup(): Promise<string> {
    const copy = await mkdtemp(join(this.directory, 'backup-'));
    await cp(this.#store, join(copy, 'store'), { recursive: true });
    return copy;
  }

  /** The server comes back with an older disk. */
  async restore(backup: string): Promise<void> {
    await this.kill();
    await rm(this.#store, { recursive: true, force: true });
    await cp(join(backup, 'store'), this.#store, { recursive: true });
    await this.restart();
  }

  /** Ends it and removes all that it left. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  get #file(): string {
    return join(this.directory, 'server.conf');
  }

  get #store(): string {
    return join(this.directory, 'store');
  }

  #hear(text: string): void {
    this.#log = (this.#log + text).slice(-200_000);
    for (const line of [...this.#lines]) line(this.#log);
  }

  #config(): string {
    const { name, jetstream, domain, maxPayload, maxStore, config } = this.#options;
    const lines = [
      `listen: "127.0.0.1:${this.port}"`,
      `server_name: "${name ?? `s${this.port}`}"`,
      ...(maxPayload === undefined ? [] : [`max_payload: ${maxPayload}`]),
    ];
    if (jetstream ?? true) {
      lines.push(`jetstream { store_dir: "${this.#store}", max_file_store: ${maxStore ?? 2 ** 30}`);
      if (domain !== undefined) lines.push(`domain: "${domain}"`);
      // as we start servers ourselves: what is acknowledged is on the disk. Older ones cannot.
      if (!/^2\.9\./.test(this.version)) lines.push('sync_interval: always');
      lines.push('}');
    }
    return `${lines.join('\n')}\n${config ?? ''}\n`;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // a frozen one hears nothing else
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await gone;
  }
}

export function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  return NatsServer.start(options);
}

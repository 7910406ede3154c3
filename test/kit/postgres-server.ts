/** For tests: a PostgreSQL server of the test's own, in a temporary directory, on a free port of loopback. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { owned } from './owned.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const VERSIONS = '/usr/lib/postgresql';

/** Where PostgreSQL's programs are; undefined where it is not installed. */
export function postgresPrograms(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const newest = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))[0];
  const path = join(VERSIONS, newest ?? '', 'bin');
  return existsSync(join(path, 'initdb')) ? path : undefined;
}

/** PostgreSQL refuses to run as root: then it runs as the user that Debian's package makes. */
const asRoot: boolean = process.getuid?.() === 0;

function commandOf(program: string, args: readonly string[]): [string, string[]] {
  return asRoot ? ['runuser', ['-u', 'postgres', '--', program, ...args]] : [program, [...args]];
}

export interface PostgresServer {
  readonly url: string;
  /** Runs statements on a connection of their own. */
  query(statements: string): Promise<void>;
  /** As `kill -9` of the whole server. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
  const programs = postgresPrograms();
  if (programs === undefined) throw new Error(`PostgreSQL is not installed: there is no ${VERSIONS}/*/bin/initdb`);
  const directory = mkdtempSync(join(tmpdir(), 'cloudskin-postgres-'));
  if (asRoot) {
    chmodSync(directory, 0o755);
    await run('chown', ['postgres', directory]);
  }
  const data = join(directory, 'data');
  const initdb = commandOf(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8']);
  await run(initdb[0], initdb[1], { cwd: directory });
  const server = new Server(programs, directory, data, await freePort());
  await server.start();
  return server;
}

class Server implements PostgresServer {
  readonly url: string;
  readonly #programs: string;
  readonly #directory: string;
  readonly #data: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  constructor(programs: string, directory: string, data: string, port: number) {
    this.#programs = programs;
    this.#directory = directory;
    this.#data = data;
    this.#port = port;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  async start(): Promise<void> {
    const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `port=${this.#port}`, 'unix_socket_directories='];
    const args = ['-D', this.#data, ...settings.flatMap((setting) => ['-c', setting])];
    const [program, full] = commandOf(join(this.#programs, 'postgres'), args);
    this.#process = owned(spawn(program, full, { cwd: this.#directory, stdio: 'ignore' }));
    await until(() =>
      this.query('SELECT 1')
        .then(() => true)
        .catch(() => false),
    );
  }

  async query(statements: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    await client.query(statements).finally(() => client.end());
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#process?.once('exit', resolve));
    for (const pid of await this.#processes()) killNow(pid);
    await gone;
    await rm(join(this.#data, 'postmaster.pid'), { force: true });
  }

  /** The server's own process, and those that it has started: they would outlive it for a moment. */
  async #processes(): Promise<number[]> {
    const [first = ''] = (await readFile(join(this.#data, 'postmaster.pid'), 'utf8')).split('\n');
    const found = await run('ps', ['-o', 'pid=', '--ppid', first]).catch(() => ({ stdout: '' }));
    return [Number(first), ...found.stdout.split('\n').map(Number)].filter((pid) => pid > 0);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** One that has ended is gone already. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH
  }
}

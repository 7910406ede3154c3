/** For tests: a mosquitto broker of the test's own, on a free port of loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { owned } from './owned.ts';
import { until } from './until.ts';

const PROGRAM = '/usr/sbin/mosquitto';

export function hasMosquitto(): boolean {
  return existsSync(PROGRAM);
}

export interface MosquittoOptions {
  readonly user?: { readonly name: string; readonly password: string };
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Further lines of the configuration. */
  readonly config?: readonly string[];
}

export interface Mosquitto {
  readonly port: number;
  readonly url: string;
  /** Has it write down what it holds: it does so only now and then. */
  save(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const broker = new Broker(mkdtempSync(join(tmpdir(), 'cloudskin-mosquitto-')), await freePort(), options);
  await broker.start();
  return broker;
}

class Broker implements Mosquitto {
  readonly port: number;
  readonly url: string;
  readonly #directory: string;
  #process: ChildProcess | undefined;

  constructor(directory: string, port: number, { user, tls, config = [] }: MosquittoOptions) {
    this.port = port;
    this.url = `${tls === undefined ? 'mqtt' : 'mqtts'}://localhost:${port}`;
    this.#directory = directory;
    const lines = [
      `listener ${port} localhost`,
      'persistence true',
      `persistence_location ${directory}/`,
      'autosave_interval 0',
    ];
    lines.push(
      user === undefined ? 'allow_anonymous true' : `password_file ${directory}/users`,
      'max_queued_messages 0',
      'user root',
    );
    if (tls !== undefined) lines.push(`cafile ${tls.ca}`, `certfile ${tls.cert}`, `keyfile ${tls.key}`);
    writeFileSync(join(directory, 'mosquitto.conf'), `${[...lines, ...config].join('\n')}\n`);
    if (user !== undefined)
      execFileSync('mosquitto_passwd', ['-b', '-c', join(directory, 'users'), user.name, user.password]);
  }

  async start(): Promise<void> {
    this.#process = owned(spawn(PROGRAM, ['-c', join(this.#directory, 'mosquitto.conf')], { stdio: 'ignore' }));
    await until(() => answers(this.port), { every: 5 });
  }

  async save(): Promise<void> {
    const path = join(this.#directory, 'mosquitto.db');
    await rm(path, { force: true });
    this.#process?.kill('SIGUSR1');
    await until(() => existsSync(path), { every: 5 });
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * Two network namespaces with a link between them that is slow, lossy or down as told. Needs root, iproute2, a C compiler and
 * /dev/net/tun; `networkMissing` says what is not there.
 *
 *     namespace a                         namespace b
 *     lo, link0 10.77.N.1 ══ TUN relay ══ link0 10.77.N.2, lo
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('relay.c', import.meta.url));

export interface LinkSettings {
  /** Milliseconds, each way. */
  readonly delay?: number;
  readonly jitter?: number;
  /** From 0 to 1. */
  readonly loss?: number;
  /** Of both ways, in the words of tc: `100mbit`. */
  readonly rate?: string;
}

export interface Side {
  readonly namespace: string;
  readonly address: string;
  /** A command line that runs inside. */
  command(program: string, args: readonly string[]): [string, string[]];
}

export interface Network {
  readonly a: Side;
  readonly b: Side;
  /** Changes the link while it is in use. */
  set(settings: Omit<LinkSettings, 'rate'>): Promise<void>;
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

let count = 0;

/** Why there can be no network here; undefined where there can. */
export function networkMissing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need root on Linux';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  for (const program of ['ip', 'tc', 'cc']) {
    if (!isThere(program)) return `${program} is not installed`;
  }
  try {
    const probe = `cs-probe-${process.pid}`;
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', probe], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'network namespaces are not permitted';
  }
}

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function openNetwork(settings: LinkSettings = {}): Promise<Network> {
  const relay = await compiledRelay();
  count += 1;
  const id = `cs${process.pid}-${count}`;
  const subnet = `10.77.${(process.pid + count * 37) % 250}`;
  const sides = [side(`${id}a`, `${subnet}.1`), side(`${id}b`, `${subnet}.2`)] as const;
  const link = new Link(sides, relay);
  try {
    await link.open(settings);
  } catch (error) {
    await link.close();
    throw error;
  }
  return link;
}

function side(namespace: string, address: string): Side {
  return {
    namespace,
    address,
    command: (program, args) => ['ip', ['netns', 'exec', namespace, program, ...args]],
  };
}

class Link implements Network {
  readonly a: Side;
  readonly b: Side;
  readonly #relay: string;
  #process: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor([a, b]: readonly [Side, Side], relay: string) {
    this.a = a;
    this.b = b;
    this.#relay = relay;
  }

  async open({ rate, ...settings }: LinkSettings): Promise<void> {
    for (const { namespace } of [this.a, this.b]) {
      await run('ip', ['netns', 'add', namespace]);
      await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    }
    const child = spawn(this.#relay, [this.a.namespace, this.b.namespace], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await this.#expect('ready');
    for (const [own, other] of [
      [this.a, this.b],
      [this.b, this.a],
    ] as const) {
      const { namespace, address } = own;
      await run('ip', ['-n', namespace, 'addr', 'add', address, 'peer', other.address, 'dev', 'link0']);
      await run('ip', ['-n', namespace, 'link', 'set', 'link0', 'up']);
      if (rate === undefined) continue;
      const shape = ['tbf', 'rate', rate, 'burst', '64kb', 'latency', '200ms'];
      await run('tc', ['-n', namespace, 'qdisc', 'add', 'dev', 'link0', 'root', ...shape]);
    }
    await this.set(settings);
  }

  async set(settings: Omit<LinkSettings, 'rate'>): Promise<void> {
    for (const [word, value] of Object.entries(settings)) await this.#tell(word, ` ${value}`);
  }

  down(): Promise<void> {
    return this.#tell('down');
  }

  up(): Promise<void> {
    return this.#tell('up');
  }

  async close(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child !== undefined && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    for (const { namespace } of [this.a, this.b]) {
      const pids = await run('ip', ['netns', 'pids', namespace]).catch(() => ({ stdout: '' }));
      for (const pid of pids.stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
      await run('ip', ['netns', 'delete', namespace]).catch(() => undefined);
    }
  }

  async #tell(word: string, rest = ''): Promise<void> {
    this.#process?.stdin?.write(`${word}${rest}\n`);
    await this.#expect(word);
  }

  async #expect(line: string): Promise<void> {
    const next = await this.#lines?.next();
    if (next?.value !== line) throw new Error(`the relay says ${JSON.stringify(next?.value)} instead of ${line}`);
  }
}

/** Compiled once for each version of its source. */
async function compiledRelay(): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), `cloudskin-kit-${process.getuid?.() ?? 0}`);
  const path = join(directory, `relay-${digest}`);
  if (existsSync(path)) return path;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  await run('cc', ['-O2', '-Wall', '-o', fresh, SOURCE]);
  renameSync(fresh, path);
  return path;
}

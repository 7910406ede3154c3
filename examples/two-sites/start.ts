/**
 * Runs graph.yaml across two sites, each with a NATS server and an agent of its own, cuts the link between them for a while, and compares
 * the output with that of one process.
 *
 *     edge: leaf nats-server, agent ══════ link ══════ cloud: hub nats-server, agent
 *
 * `node examples/two-sites/start.ts [--loopback] [--cut SECONDS]`
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { openTwoSites, type Place, type TwoSites } from './link.ts';

const run = promisify(execFile);
const { values } = parseArgs({ options: { loopback: { type: 'boolean' }, cut: { type: 'string', default: '4' } } });
const cli = fileURLToPath(new URL('../../cli/bin.ts', import.meta.url));
const graph = fileURLToPath(new URL('graph.yaml', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'cloudskin-two-sites-'));
const output = fileURLToPath(new URL('../../out/two-sites.csv', import.meta.url));
const alone = join(scratch, 'alone.csv');
const started: ChildProcess[] = [];
/** Rejects when something ends that was not told to. */
const broken = Promise.withResolvers<never>();
let stopping = false;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function start(place: Place, program: string, args: readonly string[]): void {
  const [command, full] = place.command(program, args);
  const child = spawn(command, full, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said = (said + piece.toString()).slice(-2_000);
  });
  child.once('exit', (status) => {
    if (!stopping) broken.reject(new Error(`${program} ended with status ${status}: ${said}`));
  });
  started.push(child);
}

/** The output of a command of ours that runs at a place. */
async function cloudskin(place: Place, ...args: readonly string[]): Promise<string> {
  const [command, full] = place.command(process.execPath, [cli, ...args]);
  const { stdout } = await run(command, full, { timeout: 120_000 });
  return stdout;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Starts both servers; where agents and commands find each. */
async function startServers(sites: TwoSites): Promise<{ readonly hub: string; readonly leaf: string }> {
  const [hubPort, leafNodes, leafPort] = [await freePort(), await freePort(), await freePort()];
  const remote = await sites.throughLink(leafNodes);
  writeServer(
    'hub',
    `port: ${hubPort}
jetstream { domain: cloud, store_dir: "${scratch}/hub" }
leafnodes { port: ${leafNodes}, advertise: "${remote.host}:${remote.port}" }
`,
  );
  writeServer(
    'leaf',
    `port: ${leafPort}
jetstream { domain: edge, store_dir: "${scratch}/leaf" }
leafnodes { reconnect: 1, remotes: [{ url: "nats-leaf://${remote.host}:${remote.port}" }] }
`,
  );
  start(sites.cloud, 'nats-server', ['-c', join(scratch, 'hub.conf')]);
  start(sites.edge, 'nats-server', ['-c', join(scratch, 'leaf.conf')]);
  return { hub: `nats://${sites.cloud.address}:${hubPort}`, leaf: `nats://${sites.edge.address}:${leafPort}` };
}

function writeServer(name: string, config: string): void {
  writeFileSync(join(scratch, `${name}.conf`), `server_name: ${name}\n${config}`);
}

function sorted(path: string): string[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n').sort();
}

/** States that an app does not leave by itself; while the link is down it is `unreachable`. */
const OVER = new Set(['finished', 'failed', 'stopped']);

interface Status {
  readonly agents: readonly { readonly coordinator: boolean }[];
  readonly apps: readonly { readonly state: string }[];
}

/** Asks until it is so. */
async function until(place: Place, hub: string, isSo: (status: Status) => boolean): Promise<void> {
  for (;;) {
    const answer = await cloudskin(place, 'status', '--json', '--nats', hub).catch(() => undefined);
    if (answer !== undefined && isSo(JSON.parse(answer) as Status)) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Bytes of durable streams on the disk of the edge's agent. */
function keptAtEdge(): number {
  const directory = join(scratch, 'edge', 'durable');
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.reduce((sum, name) => {
    const { size } = statSync(join(directory, name));
    return sum + size;
  }, 0);
}

async function runAcross(sites: TwoSites): Promise<void> {
  say(`link: ${sites.description}`);
  const { hub, leaf } = await startServers(sites);
  const agent = (place: Place, site: string, tier: string, nats: string): void => {
    start(place, process.execPath, [
      cli,
      'agent',
      '--site',
      site,
      '--tier',
      tier,
      '--nats',
      nats,
      '--data',
      join(scratch, site),
    ]);
  };
  agent(sites.cloud, 'cloud', 'cloud', hub);
  agent(sites.edge, 'edge', 'edge', leaf);
  await until(sites.cloud, hub, ({ agents }) => agents.length === 2 && agents.some(({ coordinator }) => coordinator));
  say(await cloudskin(sites.cloud, 'deploy', graph, '--nats', hub, '-p', `OUT=${output}`, '--wait', 'rows'));
  const seconds = Number(values.cut);
  say(`the link is cut for ${seconds} s`);
  await sites.cut();
  const before = keptAtEdge();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const more = keptAtEdge() - before;
  say(`the edge went on: ${(more / 1024).toFixed(1)} KiB more are kept there for when the link is back`);
  if (more <= 0) throw new Error('the edge took nothing in while the link was cut');
  await sites.mend();
  say('the link is back');
  await until(sites.cloud, hub, ({ apps }) => apps.every(({ state }) => OVER.has(state)));
  say(await cloudskin(sites.cloud, 'status', 'two-sites', '--nats', hub));
}

async function main(): Promise<void> {
  broken.promise.catch(() => undefined);
  rmSync(output, { force: true });
  mkdirSync(join(output, '..'), { recursive: true });
  const sites = await openTwoSites(values.loopback ?? false);
  try {
    await Promise.race([broken.promise, runAcross(sites)]);
  } finally {
    stopping = true;
    for (const child of started.reverse()) child.kill('SIGINT');
    await Promise.all(
      started.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined)),
    );
    await sites.close();
  }
  await run(process.execPath, [cli, 'run', graph, '-p', 'SPEED=max', '-p', `OUT=${alone}`]);
  const same = sorted(output).join('\n') === sorted(alone).join('\n');
  say(
    `${relative(process.cwd(), output)}: ${sorted(output).length - 1} rows, ${same ? 'the same as' : 'NOT the same as'} those of one process`,
  );
  process.exitCode = same ? 0 : 1;
}

await main().finally(() => rmSync(scratch, { recursive: true, force: true }));

/** An agent on real processes: what it exposes, logs and shows, that a terminal comes back, and that secrets are in none of it. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../cli/doctor/find-program.ts';
import { cliPath } from '../cli/command.ts';
import { type AgentProcess, Continuum } from '../cluster/processes.ts';
import { guestComponent } from '../kit/guests.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';

const SECRET = 'hunter2XYZZYplugh';
const REFERENCE = `\${secret:observed}`;

const graphOf = (port: number): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: watched }
spec:
  sources:
    rows: { generate: { rate: 2000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    same: { from: rows, component: ./same.wasm, config: { password: "${REFERENCE}" } }
    few: { from: same, filter: "id % 500 = 0" }
  sinks:
    out: { from: same, file: { path: out.ndjson } }
    told: { from: few, http: { url: "http://127.0.0.1:${port}/in?token=${REFERENCE}", headers: { x-key: "${REFERENCE}" }, retryFor: 1h } }
`;

/** Has every other request fail, so that what is said of failures is looked at, too. */
async function startReceiver(paths: Set<string>): Promise<Server> {
  let count = 0;
  const server = createServer((request, response) => {
    paths.add(request.url ?? '');
    request.resume().on('end', () => response.writeHead(++count % 2 === 1 ? 503 : 200).end('no'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'an agent that is observed' : `an agent that is observed: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let agent: AgentProcess;
  let receiver: Server;
  let graph: string;
  const paths = new Set<string>();
  const printed: string[] = [];

  beforeAll(async () => {
    process.env.CLOUDSKIN_SECRET_OBSERVED = SECRET;
    receiver = await startReceiver(paths);
    continuum = await Continuum.start();
    agent = continuum.agent({ site: 'hub', tier: 'cloud' }, { more: ['--metrics', '0', '--log-level', 'debug'] });
    await continuum.ready(1);
    writeFileSync(join(continuum.directory, 'same.wasm'), await guestComponent());
    graph = continuum.graph('graph.yaml', graphOf((receiver.address() as AddressInfo).port));
    printed.push(await continuum.ok('deploy', graph, '--wait', 'rows'));
    await continuum.until(() => Promise.resolve(paths.size > 0));
  });
  afterAll(async () => {
    delete process.env.CLOUDSKIN_SECRET_OBSERVED;
    await continuum.close();
    receiver.close();
  });

  it('is scraped', async () => {
    const url = /metrics at (http:\S+\/metrics)/.exec(agent.log)?.[1] ?? '';
    const scrape = async (): Promise<string> => (await fetch(url)).text();
    const rows = await continuum.until(async () => {
      const text = await scrape();
      printed.push(text);
      return /^cloudskin_node_rows_in_total\{.*node="rows",kind="source"\} ([1-9]\d*)$/m.exec(text)?.[1];
    });
    expect(Number(rows)).toBeGreaterThan(0);
    const text = await scrape();
    const place = 'site="hub",agent="hub-1"';
    expect(text).toContain(`cloudskin_agent_connected{${place}} 1\n`);
    expect(text).toContain(`cloudskin_agent_coordinator{${place}} 1\n`);
    expect(text).toMatch(/cloudskin_fragment_running\{namespace="default",app="watched",.*\} 1\n/);
    expect(text).toMatch(/cloudskin_node_blocked_seconds_total\{.*node="told",kind="sink"\} \d/);
  });

  it('logs lines of JSON that say where they are from', async () => {
    const lines = agent.log
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) {
      expect(line).toMatchObject({ site: 'hub', agent: 'hub-1', msg: expect.any(String) });
      expect(['debug', 'info', 'warn', 'error']).toContain(line.level);
      expect(Date.parse(String(line.time))).toBeGreaterThan(0);
    }
    const ready = lines.find(({ msg }) => String(msg).startsWith('ready'));
    expect(ready).toMatchObject({ namespace: 'default', app: 'watched', fragment: expect.any(String), revision: 1 });
    expect(Number(ready?.epoch)).toBeGreaterThan(0);
    const [told] = (await continuum.ok('logs', 'watched', '--json'))
      .split('\n')
      .map((line) => JSON.parse(line || '{}') as object);
    expect(told).toMatchObject({ site: 'hub', agent: 'hub-1', app: 'watched' });
  });

  it('is shown by top as one frame, as lines of JSON, and of an app that is not there as an error', async () => {
    const [cluster, app, json, { stderr }] = await Promise.all([
      continuum.ok('top', '--once'),
      continuum.ok('top', 'watched', '--once'),
      continuum.ok('top', 'watched', '--json', '--once'),
      continuum.run('top', 'watchd', '--once'),
    ]);
    expect(cluster).toMatch(/watched +running/);
    expect(app).toMatch(/hub\/hub-1 +running/);
    const { at, state, fragments } = JSON.parse(json) as {
      at: number;
      state: string;
      fragments: { nodes: unknown[] }[];
    };
    expect([at > 0, state, fragments[0]?.nodes.length]).toEqual([true, 'running', 5]);
    printed.push(cluster, app, json);
    expect(stderr).toContain('did you mean watched?');
  });

  const script = findProgram('script');
  it.skipIf(script === undefined).each([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ])(
    script === undefined
      ? 'gives a real terminal back after %s: script(1) is not installed'
      : 'gives a real terminal back after %s',
    async (_, key) => {
      const shell = `stty rows 24 cols 80; ${process.execPath} ${cliPath} top watched; echo; echo status $?; stty -a`;
      const env = { ...process.env, TERM: 'xterm', CLOUDSKIN_NATS: continuum.hub.url, SHELL: '/bin/sh' };
      const child = spawn('script', ['-qec', shell, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
      let out = '';
      let pressed = false;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (pressed || !out.includes('q leave')) return;
        pressed = true;
        child.stdin.write(key);
      });
      await new Promise((resolve) => child.on('close', resolve));
      printed.push(out);
      expect(out).toContain('watched');
      const after = out.slice(out.indexOf('\u001b[?1049l'));
      expect(out).toContain('\u001b[?1049h');
      expect(after).toContain('status 0');
      expect(after).toMatch(/(?<!-)\bicanon\b/);
      expect(after).toMatch(/(?<!-)\becho\b/);
      expect(after.indexOf('\u001b[?1049h')).toBe(-1);
    },
  );

  it('says its secrets nowhere', async () => {
    expect([...paths].some((path) => path.includes(SECRET))).toBe(true);
    const commands = [
      ['status', '--json'],
      ['status', 'watched'],
      ['status', 'watched', '--json'],
      ['logs', '--lines', '1000', '--json'],
      ['explain', graph],
      ['explain', graph, '--json'],
      ['validate', graph],
    ];
    for (const { stdout, stderr } of await Promise.all(commands.map((command) => continuum.run(...command)))) {
      expect(stdout.length).toBeGreaterThan(0);
      printed.push(stdout, stderr);
    }
    const digest = (await continuum.client.assignment({ namespace: 'default', app: 'watched' }))?.distributed ?? '';
    const plan = JSON.stringify(await continuum.client.distributed(digest), (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(plan).toContain(REFERENCE);
    printed.push(plan, agent.log);
    for (const file of filesBelow(join(continuum.directory, 'agent-hub-1'))) printed.push(file);
    const found = printed
      .filter((text) => text.includes(SECRET))
      .map((text) => text.slice(Math.max(0, text.indexOf(SECRET) - 80)));
    expect(found).toEqual([]);
  });
});

function filesBelow(directory: string): string[] {
  const all = readdirSync(directory, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
}

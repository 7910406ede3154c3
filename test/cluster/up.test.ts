/** `cloudskin up` and `down`, as a stranger would use them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UpState } from '../../cli/cluster/up/home.ts';
import { isRunning } from '../../cli/place/process-mark.ts';
import { cliPath, type Ended } from '../cli/command.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';

const has = hasNats('installed');

describe('up', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'cs-up-'));
  });
  afterEach(async () => {
    await run('down');
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  });

  function run(...args: string[]): Promise<Ended> {
    const { CLOUDSKIN_NATS: _, ...environment } = process.env;
    const child = spawn(process.execPath, [cliPath, ...args], {
      env: { ...environment, NO_COLOR: '1', CLOUDSKIN_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
  }

  const state = (): UpState => JSON.parse(readFileSync(join(home, 'up.json'), 'utf8')) as UpState;

  it.skipIf(!has)(has ? 'runs a graph across two sites, and down leaves nothing' : NO_NATS.installed, async () => {
    expect(await run('up', '--port', '0', '--workers', '1')).toMatchObject({ status: 0 });
    const graph = join(home, 'graph.yaml');
    writeFileSync(
      graph,
      `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: numbers }
spec:
  sources: { rows: { generate: { rows: 2000, columns: { id: { sequence: {} } } }, schema: { id: int64 } } }
  sinks: { out: { from: rows, file: { path: out.csv } } }
  placement: { rows: { tier: edge }, out: { tier: cloud } }
`,
    );
    const deployed = await run('deploy', graph);
    expect(deployed).toMatchObject({ status: 0, stdout: expect.stringContaining('2 fragments on edge, cloud') });
    expect((await run('status', 'numbers')).stdout).toContain('nats');
    expect(await run('up')).toMatchObject({ status: 2, stderr: expect.stringContaining('up.already') });
    const undeployed = await run('undeploy', 'numbers', '--json');
    expect(undeployed.status).toBe(0);
    expect(JSON.parse(undeployed.stdout)).toMatchObject({
      app: 'numbers',
      namespace: 'default',
      revision: 3, // the second one was to flow out
      state: 'undeployed',
      regions: [{ region: 'main', phase: 'finished' }],
    });
    expect(readFileSync(join(home, 'out.csv'), 'utf8').trimEnd().split('\n')).toHaveLength(2_001);
    const { processes } = state();
    expect(processes.filter(isRunning)).toHaveLength(4);
    const down = await run('down', '--json');
    expect([down.status, JSON.parse(down.stdout)]).toEqual([0, { state: 'down', stopped: 4, purged: false }]);
    expect(processes.filter(isRunning)).toEqual([]);
  });

  it.skipIf(!has)(
    has ? 'is taken down after some of it was killed, and nothing else is' : NO_NATS.installed,
    async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const { stdout } = await run('up', '--port', String(port), '--workers', '1');
      taken.close();
      expect(stdout).toMatch(new RegExp(`^port ${port} is taken: the central server uses \\d+ instead$`, 'm'));
      const { processes } = state();
      const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      for (const { name, pid } of processes)
        if (name === 'nats-hub' || name === 'agent-edge') process.kill(pid, 'SIGKILL');
      // A number that the system has given to somebody else meanwhile.
      const stolen = processes.map((record) =>
        record.name === 'nats-hub' ? { ...record, pid: bystander.pid ?? 0 } : record,
      );
      writeFileSync(join(home, 'up.json'), JSON.stringify({ ...state(), processes: stolen }));
      expect(await run('down')).toMatchObject({ status: 0, stdout: 'stopped 2 processes\n' });
      expect(processes.filter(isRunning)).toEqual([]);
      expect(bystander.exitCode).toBeNull();
      bystander.kill('SIGKILL');
    },
  );

  it.skipIf(!has)(
    has ? 'starts again what has ended of it, when asked and when it watches' : NO_NATS.installed,
    async () => {
      await run('up', '--port', '0', '--workers', '1');
      const kill = (...names: readonly string[]): void => {
        for (const { name, pid } of state().processes) if (names.includes(name)) process.kill(pid, 'SIGKILL');
      };
      kill('nats-hub', 'agent-edge');
      const again = await run('up');
      expect(again).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('started again: nats-hub, agent-edge'),
      });
      expect(state().processes.filter(isRunning)).toHaveLength(4);
      const environment = { ...process.env, CLOUDSKIN_HOME: home };
      const watching = spawn(process.execPath, [cliPath, 'up', '--watch'], {
        env: environment,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const text = watching.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
      expect((await text.next()).value).toContain('up: site cloud');
      kill('agent-cloud');
      expect((await text.next()).value).toBe('started again: agent-cloud\n');
      const ended = new Promise((resolve) => watching.once('exit', resolve));
      watching.kill('SIGINT');
      expect(await ended).toBe(0);
      expect(await run('down')).toMatchObject({ stdout: 'stopped 4 processes\n' });
    },
  );

  it('says what to install where nats-server is missing', async () => {
    const { status, stderr } = await run('up', '--nats-server', join(home, 'nowhere'));
    expect(status).toBe(1);
    expect(stderr).toContain('up.no-nats-server');
    expect(stderr).toContain('apt-get install nats-server');
  });

  it('is suggested where nothing answers', async () => {
    const { status, stderr } = await run('list', '--nats', 'nats://127.0.0.1:1');
    expect(status).toBe(1);
    expect(stderr).toContain('cloudskin up');
  });
});

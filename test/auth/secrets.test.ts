/** Secrets and keys across sites: known to the agent that opens the connector, and written nowhere; checkpoints that only their key opens. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../kit/nats-server.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');
const SECRET = 'open-sesame-7f3a';

/** Logs into a broker of somebody else's by a secret. */
const graph = (port: number): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: told }
spec:
  sources:
    rows: { generate: { rate: 500, rows: 100000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out:
      from: twice
      nats: { url: "nats://127.0.0.1:${port}", subject: told, user: ann, password: "\${secret:broker}" }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;

/** Files below a directory that hold a text. */
function holding(directory: string, text: string): readonly string[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return paths.filter((path) => contentOf(path).includes(text));
}

/** Nothing where an agent has deleted the file since it was listed. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

describe.skipIf(!has)(has ? 'secrets across sites' : NO_NATS.installed, () => {
  let secured: Secured;
  let broker: NatsServer;
  beforeAll(async () => {
    broker = await startNats({
      jetstream: false,
      config: `authorization { users: [{ user: "ann", password: "${SECRET}" }] }`,
    });
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'], flags: ['--any-app'] });
    await secured.startServers();
    for (const name of ['right', 'wrong']) writeFileSync(secured.path(`${name}.key`), randomBytes(32).toString('hex'));
  });
  afterAll(async () => {
    await secured.close();
    await broker.stop();
  });
  const key = (name: string): readonly string[] => ['--key-file', secured.path(`${name}.key`)];

  it('are known only to the agent that opens the connector, and are in no plan, document, checkpoint, log or status', async () => {
    const file = secured.graph('told.yaml', graph(broker.port));
    secured.agentWith('hub', { CLOUDSKIN_SECRET_BROKER: SECRET }, ...key('right'));
    secured.agent('plant', ...key('right'));
    await secured.ready(2);
    await secured.ok('deploy', file, '--wait', 'rows');
    await secured.region('told', ({ checkpoint }) => checkpoint > 1);
    const said = [
      await secured.ok('status', 'told', '--json'),
      await secured.ok('logs', 'told'),
      await secured.ok('explain', file),
    ];
    expect(said.filter((text) => text.includes(SECRET))).toEqual([]);
    expect(secured.logs()).not.toContain(SECRET);
    expect(holding(secured.directory, SECRET)).toEqual([]);
    // What is looked for would be found.
    expect(holding(secured.directory, '{secret:broker}').length).toBeGreaterThan(0);
  });

  it('checkpoints are read with their key, and without it, or with another, are refused by name', async () => {
    await secured.ok('pause', 'told');
    expect(await secured.ok('checkpoint', 'list', 'told', ...key('right'))).toContain('complete');
    for (const flags of [key('wrong'), []]) {
      const { status, stdout, stderr } = await secured.run('checkpoint', 'verify', 'told', ...flags);
      expect(status).not.toBe(0);
      expect(`${stdout}${stderr}`).toMatch(flags.length > 0 ? /encrypted with another key/ : /encrypted/);
    }
  });

  it('an agent with another key starts nothing from them, and says why', async () => {
    const [hub, plant] = secured.agents;
    await Promise.all([hub?.end('SIGKILL'), plant?.end('SIGKILL')]);
    secured.agentWith('hub', { CLOUDSKIN_SECRET_BROKER: SECRET }, ...key('wrong'));
    const other = secured.agent('plant', ...key('wrong'));
    await secured.until(async () => other.log.includes('was encrypted with another key'));
    expect(other.log).not.toContain('ready: everything is open');
  });

  it('a secret that is missing is named, with where it is looked for', async () => {
    const agents = secured.agents.slice(-2);
    await Promise.all(agents.map((agent) => agent.end('SIGKILL')));
    const hub = secured.agent('hub', ...key('right'));
    secured.agent('plant', ...key('right'));
    await secured.until(async () => hub.log.includes('secret.missing'));
    expect(hub.log).toContain('the secret \\"broker\\" is not set');
    expect(await secured.ok('status', 'told')).toContain('secret.missing');
  });
});

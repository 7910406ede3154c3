/** Tasks that agents of a site serve, as processes: called all the time, while one is killed, one ends, one comes back and the site is drained. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CloudskinError } from '../../engine/errors.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { callTask } from '../../engine/task/remote.ts';
import { ECHO, guestComponent } from '../kit/guests.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const has = hasNats('installed');
const CALLERS = 4;

/** Calls without a pause, so many at a time, and keeps what came of it. */
class Callers {
  readonly errors: string[] = [];
  answered = 0;
  readonly #nats: Nats;
  readonly #calling: readonly Promise<void>[];
  #going = true;

  constructor(nats: Nats) {
    this.#nats = nats;
    this.#calling = Array.from({ length: CALLERS }, (_, id) => this.#call(id));
  }

  async #call(id: number): Promise<void> {
    for (let turn = 0; this.#going; turn++) {
      const x = id * 1_000_000 + turn;
      const data = new TextEncoder().encode(JSON.stringify([{ x }]));
      try {
        const answer = await callTask(this.#nats, {
          ...{ namespace: 'default', name: 'echo', data, form: 'json', deadline: 400 },
        });
        expect(JSON.parse(new TextDecoder().decode(answer.data))).toEqual([{ x }]);
        this.answered += 1;
      } catch (error) {
        this.errors.push(error instanceof CloudskinError ? error.code : String(error));
      }
    }
  }

  async end(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#calling);
  }
}

describe.skipIf(!has)(has ? 'tasks of agents that are processes' : `tasks of agents: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let nats: Nats;
  let a: AgentProcess;
  let b: AgentProcess;
  beforeAll(async () => {
    continuum = await Continuum.start();
    continuum.agent({ site: 'hub', tier: 'cloud' });
    a = continuum.agent({ site: 'plant', tier: 'edge', name: 'a' });
    b = continuum.agent({ site: 'plant', tier: 'edge', name: 'b' });
    await continuum.ready(3);
    nats = await connectNats({ servers: continuum.hub.url });
    writeFileSync(join(continuum.directory, 'echo.wasm'), await guestComponent({ process: ECHO }));
    continuum.graph(
      'echo.yaml',
      `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: echo }
spec:
  sources: { in: { file: { path: none.csv }, schema: { x: int64 } } }
  operators: { echo: { from: in, component: ./echo.wasm } }
  sinks: { out: { from: echo, file: { path: out.csv } } }
`,
    );
  });
  afterAll(async () => {
    await nats?.close(200);
    await continuum?.close();
  });

  const serving = (agents: number) =>
    continuum.until(async () => {
      const statuses = await continuum.client.ask(300, (all) => all.length === 3);
      const phases = statuses.flatMap(({ tasks = [] }) => tasks.map(({ phase }) => phase));
      return phases.length === agents && phases.every((phase) => phase === 'serving');
    });

  it('are answered by the others where one is killed, and by all when it is back', async () => {
    const graph = join(continuum.directory, 'echo.yaml');
    expect(await continuum.ok('task', 'deploy', graph, '--queue', '16')).toBe(
      'default/echo is served on cs.default.task.echo by hub/hub-1, plant/a, plant/b: revision 1\n',
    );
    const callers = new Callers(nats);
    await continuum.until(() => callers.answered > 50);
    await a.kill();
    await serving(2);
    const { answered } = callers;
    await continuum.until(() => callers.answered > answered + 50);
    await callers.end();
    // what it had when it was killed nobody can answer, and nothing else is lost
    expect(callers.errors.length).toBeLessThanOrEqual(CALLERS);
    expect(new Set([...callers.errors, 'task.no-answer'])).toEqual(new Set(['task.no-answer']));
    a.start();
    await serving(3);
  }, 20_000);

  it('lose no call where an agent ends, the task is deployed anew, or its site is drained', async () => {
    const callers = new Callers(nats);
    await continuum.until(() => callers.answered > 50);
    expect(await b.end('SIGTERM')).toBe(0);
    await continuum.ok('task', 'deploy', join(continuum.directory, 'echo.yaml'), '--deadline', '1s');
    await continuum.ok('drain', 'plant');
    await serving(1);
    const { answered } = callers;
    await continuum.until(() => callers.answered > answered + 50);
    await callers.end();
    expect(callers.errors).toEqual([]);
    expect(JSON.parse(await continuum.ok('task', 'list', '--json'))).toMatchObject({
      ...{ task: 'echo', revision: 2, operator: 'echo' },
      agents: [{ agent: 'hub/hub-1', phase: 'serving', failed: 0 }],
    });
  }, 20_000);

  it('are told apart from what does not exist, and end', async () => {
    expect(
      await continuum.run('task', 'deploy', join(continuum.directory, 'echo.yaml'), '--site', 'plant'),
    ).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('plant/a (edge, drained)'),
    });
    expect(await continuum.ok('task', 'undeploy', 'echo')).toBe('default/echo is served no more\n');
    const call = callTask(nats, {
      ...{ namespace: 'default', name: 'echo', data: new Uint8Array(0), form: 'json', deadline: 400 },
    });
    await expect(call).rejects.toMatchObject({ code: 'task.not-served' });
  });
});

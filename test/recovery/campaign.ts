/**
 * A campaign of kills: a graph over real sensor data runs on two sites with two agents each, again and again until so many kills were done, and each time what came
 * out must be what one process puts out that nobody disturbs.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../engine/errors.ts';
import { cloudskin } from '../cli/command.ts';
import { type AgentProcess, Continuum } from '../cluster/processes.ts';
import { Assault, type Kill, type Kind } from './assault.ts';
import { type Phase, Phases } from './phases.ts';
import { mergedReadings, sensorGraph } from './sensors.ts';
import { linesOf, type OutputSink, openSink, type SinkKind } from './sinks.ts';

export interface CampaignOptions {
  readonly kills: number;
  readonly sink: SinkKind;
  readonly random: () => number;
  readonly kinds: readonly Kind[];
  /** Seconds that one round takes, undisturbed. */
  readonly seconds: number;
  readonly say?: (text: string) => void;
}

export interface Struck extends Kill {
  /** The phase that it fell in. */
  readonly hit: Phase;
  readonly round: string;
}

export interface Outcome {
  readonly kills: readonly Struck[];
  readonly rounds: number;
  /** Rows that came out, in all. */
  readonly rows: number;
  /** What was not as it should be; none if all is well. */
  readonly faults: readonly string[];
  readonly logs: () => string;
}

const KILLER = fileURLToPath(new URL('thread-killer.ts', import.meta.url));
const NAMES = [
  { site: 'hub', tier: 'cloud', name: 'a' },
  { site: 'hub', tier: 'cloud', name: 'b' },
  { site: 'plant', tier: 'edge', name: 'a' },
  { site: 'plant', tier: 'edge', name: 'b' },
] as const;
/** Milliseconds in which a run that is left alone has to end, besides its own time. */
const ENDS_WITHIN = 120_000;

export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
  const continuum = await Continuum.start();
  const sink = await openSink(options.sink, continuum.directory, () => continuum.hub.url).catch(async (error) => {
    await continuum.close();
    throw error;
  });
  try {
    return await new Campaign(options, continuum, sink).run();
  } finally {
    await continuum.close();
    await sink.close();
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #continuum: Continuum;
  readonly #sink: OutputSink;
  readonly #assault: Assault;
  readonly #agents = new Map<string, AgentProcess>();
  readonly #pending = new Map<string, Promise<void>>();
  readonly #kills: Struck[] = [];
  readonly #faults: string[] = [];
  #phases = new Phases('');

  constructor(options: CampaignOptions, continuum: Continuum, sink: OutputSink) {
    this.#options = options;
    this.#continuum = continuum;
    this.#sink = sink;
    this.#assault = new Assault(options.random, options.kinds);
  }

  async run(): Promise<Outcome> {
    const { kills, say } = this.#options;
    const { csv, rows: read } = mergedReadings();
    writeFileSync(join(this.#continuum.directory, 'readings.csv'), csv);
    const expected = await this.#undisturbed();
    this.#startAgents();
    await this.#continuum.ready(NAMES.length);
    let rounds = 0;
    while (this.#kills.length < kills && this.#faults.length === 0) {
      const name = `nab-${++rounds}`;
      await this.#round(name, `${Math.ceil(read / this.#options.seconds)}x`);
      const fault = difference(expected, await this.#sink.rows(name));
      say?.(`${name}: ${fault ?? `all ${expected.length} rows, once each`}; ${this.#kills.length} kills`);
      if (fault !== undefined) this.#faults.push(`${name}: ${fault}`);
    }
    const logs = [...this.#agents].map(([label, agent]) => `${label}\n${agent.log}`).join('\n');
    return { kills: this.#kills, rounds, rows: rounds * expected.length, faults: this.#faults, logs: () => logs };
  }

  /** What one process puts out. */
  async #undisturbed(): Promise<readonly string[]> {
    const graph = this.#continuum.graph('alone.yaml', sensorGraph('alone', 'file: { path: alone.out.ndjson }', 'max'));
    const { status, stderr } = await cloudskin(['run', '-q', graph]);
    if (status !== 0) throw new Error(stderr);
    return linesOf(this.#continuum.directory, 'alone.out');
  }

  #startAgents(): void {
    for (const draft of NAMES) {
      const agent = this.#continuum.agent(draft, {
        more: ['--log-level', 'debug'],
        node: ['--import', KILLER],
        hear: (line) => this.#phases.hear(line),
      });
      this.#agents.set(`${draft.site}/${draft.name}`, agent);
    }
  }

  async #round(name: string, speed: string): Promise<void> {
    const { coordinator } = this.#phases;
    const phases = new Phases(name);
    phases.coordinator = coordinator;
    this.#phases = phases;
    const graph = this.#continuum.graph(`${name}.yaml`, sensorGraph(name, this.#sink.connector(name), speed));
    await this.#deploy(graph);
    const field = {
      continuum: this.#continuum,
      agents: this.#agents,
      phases,
      sink: this.#sink,
      pending: this.#pending,
    };
    while (this.#kills.length < this.#options.kills) {
      const kill = await this.#assault.next(field).catch((error: unknown) => this.#stuck(error));
      if (kill === undefined) break;
      // lines that were written before it are heard by then
      await new Promise((resolve) => setTimeout(resolve, 50));
      const struck = { ...kill, hit: phases.at(kill.at), round: name };
      this.#kills.push(struck);
      this.#options.say?.(`${this.#kills.length}: ${struck.kind} while ${struck.hit} (wanted ${struck.wanted})`);
    }
    await Promise.all(this.#pending.values());
    await this.#ended(phases);
    await this.#continuum.ok('undeploy', name);
  }

  /** The coordinator may not have heard of all sites yet. */
  async #deploy(graph: string): Promise<void> {
    const once = (): Promise<{ readonly status: number | null; readonly stderr: string }> =>
      this.#continuum.run('deploy', graph, '--wait', 'running', '--timeout', '60s');
    let { status, stderr } = await once();
    for (let attempt = 1; status !== 0 && attempt < 5; attempt++) ({ status, stderr } = await once());
    if (status !== 0) throw new Error(`cannot be deployed: ${stderr}`);
  }

  async #ended(phases: Phases): Promise<void> {
    if (this.#faults.length > 0) return;
    const until = performance.now() + this.#options.seconds * 1_000 + ENDS_WITHIN;
    while (!phases.finished) {
      if (performance.now() > until) return this.#stuck(new Error('the run does not end'));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #stuck(error: unknown): undefined {
    this.#faults.push(messageOf(error));
    return undefined;
  }
}

/** Undefined where both have the same rows, equally often. */
function difference(expected: readonly string[], found: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const row of expected) counts.set(row, (counts.get(row) ?? 0) + 1);
  for (const row of found) counts.set(row, (counts.get(row) ?? 0) - 1);
  const lost = [...counts].filter(([, count]) => count > 0);
  const surplus = [...counts].filter(([, count]) => count < 0);
  if (lost.length === 0 && surplus.length === 0) return undefined;
  const some = [...lost.slice(0, 3), ...surplus.slice(0, 3)].map(([row, count]) => `${-count} of ${row}`);
  return `${found.length} rows where ${expected.length} were expected, ${lost.length} lost, ${surplus.length} too often:\n${some.join('\n')}`;
}

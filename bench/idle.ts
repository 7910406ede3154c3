/** `bench idle`: what agents cost that have nothing to run: memory, and processor time as a share of one core, beside a bare Node process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentProcess, Continuum } from '../test/cluster/processes.ts';
import { hasNats, NO_NATS } from '../test/kit/nats-server.ts';
import { type Benchmark, type BenchOptions, plain, type Result, sized } from './harness.ts';
import { published } from './published.ts';

/** Milliseconds in which an agent comes to rest. */
const REST = 8_000;
/** Clock ticks a second, as /proc counts. */
const TICKS = 100;

/** Megabytes that are resident. */
function memory(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024;
}

/** Milliseconds of processor time so far. */
function processor(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

async function measured(
  agents: readonly AgentProcess[],
  bare: ChildProcess,
  seconds: number,
): Promise<readonly Result[]> {
  const names = ['cloud, coordinates', 'edge'];
  const before = agents.map(({ pid }) => processor(pid));
  await sleep(seconds * 1_000);
  const shares = agents.map(({ pid }, index) => (processor(pid) - (before[index] ?? 0)) / (seconds * 10));
  return [
    plain('idle', 'bare Node', 'memory', memory(bare.pid ?? 0), 'MB'),
    ...agents.flatMap(({ pid }, index) => [
      plain('idle', names[index] ?? '', 'memory', memory(pid), 'MB'),
      plain('idle', names[index] ?? '', 'processor', shares[index] ?? 0, '% of a core'),
    ]),
  ];
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  if (!hasNats('installed') || process.platform !== 'linux') {
    process.stderr.write(`idle: ${hasNats('installed') ? 'needs /proc' : NO_NATS.installed}\n`);
    return [];
  }
  const { cli: program } = published(options);
  const continuum = await Continuum.start();
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000_000)'], { stdio: 'ignore' });
  try {
    const agents = [
      continuum.agent({ site: 'hub', tier: 'cloud' }, { program }),
      continuum.agent({ site: 'plant', tier: 'edge' }, { program }),
    ];
    await continuum.ready(2);
    await sleep(sized(options, REST, REST, 100));
    return await measured(agents, bare, sized(options, 30, 10, 1));
  } finally {
    bare.kill('SIGKILL');
    await continuum.close();
  }
}

export const benchmark: Benchmark = {
  name: 'idle',
  summary: 'memory and processor of agents that have nothing to run',
  run,
};

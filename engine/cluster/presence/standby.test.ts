/** When an agent gets ready to take over from another of its site. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { versioned } from '../documents/document.ts';
import type { AgentStatus, FragmentFigures } from '../documents/status.ts';
import { Standby } from './standby.ts';

function status(site: string, agent: string, busy: boolean): AgentStatus {
  const fragments = busy ? [{ phase: 'running' } as FragmentFigures] : [];
  return {
    ...versioned,
    site,
    agent,
    incarnation: 'i',
    serial: 1,
    tier: 'edge',
    labels: [],
    devices: [],
    workers: 1,
    version: '0',
    jetstream: true,
    epoch: 0,
    coordinator: false,
    leaving: false,
    fragments,
    regions: [],
  };
}

describe('an agent on standby', () => {
  it('warms up once for each silence of an agent of its site that runs something, and for no other', async () => {
    const ports = new ManualPorts();
    const all = new Map<string, { status: AgentStatus; heard: number }>();
    const hear = (one: AgentStatus): unknown =>
      all.set(`${one.site}/${one.agent}`, { status: one, heard: ports.monotonic() });
    let warmed = 0;
    const neighbours = {
      get all() {
        return all.values();
      },
    };
    const standby = new Standby(ports, { site: 'plant', agent: 'b' }, neighbours, () => {
      warmed += 1;
    });
    standby.start();
    const [mate, idle, other] = [status('plant', 'a', true), status('plant', 'c', false), status('hub', 'a', true)];
    for (const one of [mate, idle, other, status('plant', 'b', true)]) hear(one);
    await ports.advance(400);
    hear(mate);
    await ports.advance(400);
    expect(warmed).toBe(0);
    await ports.advance(300);
    expect(warmed).toBe(1);
    await ports.advance(5_000);
    expect(warmed).toBe(1);
    hear(mate);
    await ports.advance(800);
    expect(warmed).toBe(2);
    standby.stop();
    expect(ports.pending).toBe(0);
  });
});

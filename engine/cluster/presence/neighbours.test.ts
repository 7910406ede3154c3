/** Who is there, and who was. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import type { Nats } from '../../nats/nats.ts';
import { versioned } from '../documents/document.ts';
import { type AgentStatus, decodeStatus } from '../documents/status.ts';
import { Neighbours } from './neighbours.ts';

function status(agent: string, more: Partial<AgentStatus> = {}): AgentStatus {
  return {
    ...versioned,
    site: 'plant',
    agent,
    incarnation: 'i',
    serial: 1,
    version: '0',
    tier: 'edge',
    labels: [],
    devices: ['cpu'],
    workers: 2,
    domain: '',
    jetstream: true,
    epoch: 0,
    coordinator: false,
    leaving: false,
    fragments: [],
    regions: [],
    ...more,
  };
}

describe('neighbours that fell silent', () => {
  it('are told with the time since they were heard, until they are back, or a day has passed', async () => {
    const ports = new ManualPorts();
    const nats = { subscribe: () => ({ close: () => undefined }) } as unknown as Nats;
    const neighbours = new Neighbours(nats, ports, undefined, () => undefined, fail);
    neighbours.hear(status('a'));
    neighbours.hear(status('b'));
    await ports.advance(900);
    neighbours.hear(status('b', { serial: 2 }));
    expect(neighbours.silent()).toEqual([]);
    await ports.advance(200);
    expect(neighbours.silent()).toMatchObject([{ site: 'plant', agent: 'a', silent: 1_100, left: false }]);
    neighbours.hear(status('a', { serial: 2 }));
    expect(neighbours.silent()).toEqual([]);
    neighbours.hear(status('a', { serial: 3, leaving: true }));
    expect(neighbours.silent()).toMatchObject([{ agent: 'a', silent: 0, left: true }]);
    await ports.advance(86_400_001);
    expect(neighbours.silent()).toEqual([]);
  });

  it('are in a status as it is sent', () => {
    const one = { site: 'plant', agent: 'a', tier: 'edge' as const, workers: 2, version: '0', silent: 12, left: false };
    const bytes = new TextEncoder().encode(JSON.stringify(status('b', { silent: [one] })));
    expect(decodeStatus(bytes).silent).toEqual([one]);
  });
});

function fail(error: unknown): never {
  throw error;
}

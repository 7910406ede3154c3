/** What an agent does for its own copies of checkpoints, and when. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { externalError } from '../../errors.ts';
import type { Wanted } from '../documents/app.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import { type Belongings, Housekeeping, type Left } from './housekeeping.ts';

function assignment(revision: number, wanted: Wanted): AssignmentDocument {
  const leader = { site: 'plant', agent: 'a' };
  return {
    ...versioned,
    namespace: 'default',
    app: 'shop',
    revision,
    deployed: 1,
    wanted,
    term: 1,
    plan: 'p',
    distributed: 'd',
    checkpoint: { every: 1_000, keep: 4 },
    regions: { main: { epoch: 65_536, leader, handover: false } },
    fragments: {},
    agents: [],
    nodes: {},
    troubles: [],
  };
}

const logs = {
  dropLogs: async () => undefined,
  dropHeld: async () => undefined,
  dropComponents: async () => undefined,
};
const belongings: Belongings = {
  letGo: () => true,
  domains: () => [undefined],
  left: async () => undefined,
  tidyPlans: async () => ({ components: [], more: false }),
};
const nothing = { plans: async () => undefined, record: async () => undefined };

describe('housekeeping of an agent', () => {
  it('tidies now and then, at once where it is told to, and says so once where that cannot be', async () => {
    const ports = new ManualPorts();
    const did: string[] = [];
    const said: string[] = [];
    let broken = false;
    const copies = {
      tidy: async ({ region }: { readonly region: string }, _domain: string | undefined, keep: number) => {
        if (broken) throw externalError('state.read', 'the store is away');
        did.push(`${region} keeps ${keep}`);
        return did.length === 2 ? ['a', 'b'] : [];
      },
      drop: async () => undefined,
      ...logs,
    };
    const housekeeping = new Housekeeping(ports, copies, nothing, belongings, (_level, message) => said.push(message));
    housekeeping.follow(assignment(1, 'running'));
    housekeeping.kick();
    await ports.advance(100);
    expect(did).toEqual(['main keeps 4']);
    await ports.advance(5_000);
    expect(did).toHaveLength(2);
    expect(said).toEqual(['2 parts of checkpoints were put back into the shared store, which had lost them']);
    broken = true;
    await ports.advance(30_000);
    expect(said.slice(1)).toEqual(['copies of checkpoints cannot be tidied: the store is away']);
    broken = false;
    housekeeping.kick();
    await ports.advance(100);
    expect(did).toHaveLength(3);
    await housekeeping.stop();
    expect(ports.pending).toBe(0);
  });

  it('leaves nothing of an app that is undeployed, once nothing of it runs here', async () => {
    const ports = new ManualPorts();
    const did: string[] = [];
    let running = true;
    const copies = {
      ...logs,
      tidy: async () => {
        did.push('tidy');
        return [];
      },
      drop: async ({ app, region }: { readonly app: string; readonly region: string }) => {
        did.push(`drop ${app}/${region}`);
      },
      dropLogs: async ({ app }: { readonly app: string }, domains: readonly (string | undefined)[]) => {
        did.push(`drop logs of ${app} in ${domains.join()}`);
      },
    };
    const here = { ...belongings, letGo: () => !running, domains: () => ['plant'] };
    const housekeeping = new Housekeeping(ports, copies, nothing, here, () => undefined);
    housekeeping.follow(assignment(2, 'undeployed'));
    housekeeping.kick();
    await ports.advance(20_000);
    expect(did).toEqual([]);
    running = false;
    await ports.advance(20_000);
    expect(did).toEqual(['drop shop/main', 'drop logs of shop in plant']);
    housekeeping.follow(assignment(3, 'running'));
    await ports.advance(6_000);
    expect(did.slice(2)).toContain('tidy');
    await housekeeping.stop();
  });

  it('removes what sinks here had not shown of an app that was thrown away, or began anew, while the agent was away', async () => {
    const ports = new ManualPorts();
    const did: string[] = [];
    const copies = {
      ...logs,
      tidy: async () => [],
      drop: async () => undefined,
      dropHeld: async ({ directory = '' }: Left, epoch: number) => void did.push(`${directory} up to ${epoch}`),
    };
    const here: Belongings = {
      ...belongings,
      left: async ({ revision }) => ({ fragments: [], directory: `of ${revision}` }),
    };
    const housekeeping = new Housekeeping(ports, copies, nothing, here, () => undefined);
    const before = assignment(1, 'running');
    housekeeping.follow(assignment(2, 'undeployed'), before);
    housekeeping.kick();
    await ports.advance(100);
    expect(did.splice(0)).toEqual(['of 2 up to 131071']);
    // it is not of the same fragments as what the agent ran
    housekeeping.follow({ ...assignment(3, 'undeployed'), distributed: 'e' }, before);
    await ports.advance(6_000);
    expect(did.splice(0)).toEqual(['of 3 up to 131071', 'of 1 up to 131071']);
    // nobody who writes now has an epoch as low
    housekeeping.follow({ ...assignment(4, 'running'), begun: 4 }, before);
    await ports.advance(6_000);
    expect(did.splice(0)).toEqual(['of 1 up to 65535']);
    // what flows out is shown, not removed; and what only changes goes on
    housekeeping.follow({ ...assignment(5, 'undeployed'), drain: true }, before);
    housekeeping.follow({ ...assignment(6, 'running'), distributed: 'f' }, before);
    await ports.advance(6_000);
    expect(did).toEqual([]);
    await housekeeping.stop();
  });

  it('looks for plans that nothing names until there are none, and again when an assignment has changed', async () => {
    const ports = new ManualPorts();
    const looked: string[][] = [];
    const dropped: string[] = [];
    const here: Belongings = {
      ...belongings,
      tidyPlans: async (assignments) => {
        looked.push([...assignments].map(({ app }) => app));
        return looked.length === 2 ? { components: ['c'], more: false } : { components: [], more: looked.length < 2 };
      },
    };
    const copies = { tidy: async () => [], drop: async () => undefined, ...logs };
    const dropComponents = async (digests: readonly string[]) => void dropped.push(...digests);
    const housekeeping = new Housekeeping(ports, { ...copies, dropComponents }, nothing, here, () => undefined);
    housekeeping.follow(assignment(1, 'running'));
    housekeeping.kick();
    await ports.advance(30_000);
    expect(looked).toEqual([['shop'], ['shop']]);
    expect(dropped).toEqual(['c']);
    housekeeping.follow(assignment(2, 'undeployed'));
    await ports.advance(30_000);
    expect(looked.slice(2)).toEqual([[]]);
    await housekeeping.stop();
  });

  it('gives plans back when an assignment is new and when the server may have been restored, until that has gone well', async () => {
    const ports = new ManualPorts();
    let tried = 0;
    let broken = true;
    const giveBack = async (): Promise<void> => {
      tried += 1;
      if (broken) throw externalError('nats.disconnected', 'the server is away');
    };
    const copies = { tidy: async () => [], drop: async () => undefined, ...logs };
    const returning = { ...nothing, plans: giveBack };
    const housekeeping = new Housekeeping(ports, copies, returning, belongings, () => undefined);
    housekeeping.follow(assignment(1, 'running'));
    housekeeping.kick();
    await ports.advance(400);
    expect(tried).toBeGreaterThan(1);
    broken = false;
    await ports.advance(20_000);
    const before = tried;
    await ports.advance(20_000);
    expect(tried).toBe(before);
    housekeeping.kick();
    await ports.advance(100);
    expect(tried).toBe(before + 1);
    await housekeeping.stop();
  });
});

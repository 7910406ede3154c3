/** Which components may be dealt to another number of partitions: those that hand over their state. */
import { describe, expect, it } from 'vitest';
import { guestComponent } from '../../../test/kit/guests.ts';
import { prepareComponent } from '../../cell/component.ts';
import type { Host } from '../../compile/fragment-plan.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { shippedName } from './components.ts';
import { mustBeDealable } from './dealt-components.ts';

const host: Host = { site: 'hub', agent: 'a', worker: 0 };

function check(component: string, partitions: number, bytes: Uint8Array = new Uint8Array(0)): Promise<void> {
  const operators = [{ name: 'score', steps: [{ kind: 'component', component, config: {} }] }];
  const after = new Map([['score', Array.from({ length: partitions }, () => host)]]);
  const plan = { operators } as unknown as LogicalPlan;
  return mustBeDealable(plan, { score: [host] }, after, { component: () => Promise.resolve(bytes) });
}

describe('a component that is to be dealt to partitions', () => {
  it('may be where it exports and imports its state', async () => {
    await check('anomaly', 3);
  });

  it('may not be where it does not, as long as the number of partitions changes', async () => {
    const bytes = await prepareComponent(await guestComponent({}), 'guest');
    await expect(check(shippedName('0f'), 3, bytes)).rejects.toMatchObject({
      code: 'placement.component-state',
      message: expect.stringContaining('"score" cannot go from 1 to 3 partitions'),
    });
    await check(shippedName('0f'), 1, bytes);
  });
});

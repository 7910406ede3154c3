/** Which plans and components go, and which stay. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { externalError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { KeyValue, Objects } from '../../nats/nats.ts';
import type { AppDocument } from '../documents/app.ts';
import { encodeDocument, versioned } from '../documents/document.ts';
import { appKey, componentObject, planObject } from '../documents/names.ts';
import { type TaskDocument, taskKey } from '../documents/task.ts';
import { shippedName } from '../plans/components.ts';
import { Plans } from '../plans/plans.ts';
import { Artifacts } from './artifacts.ts';

const TIMES = { every: 10, grace: 1_000, undeployed: 5_000 };

class Store implements Objects {
  readonly kept = new Map<string, { readonly data: Uint8Array; readonly at: number }>();
  readonly #ports: ManualPorts;

  constructor(ports: ManualPorts) {
    this.#ports = ports;
  }

  async put(name: string, data: Uint8Array) {
    this.kept.set(name, { data: data.slice(), at: this.#ports.now() });
  }

  async get(name: string) {
    return this.kept.get(name)?.data;
  }

  async delete(name: string) {
    this.kept.delete(name);
  }

  async list() {
    return [...this.kept.keys()];
  }

  async written(name: string) {
    return this.kept.get(name)?.at;
  }
}

describe('what no document names', () => {
  let ports: ManualPorts;
  let store: Store;
  let documents: Map<string, Uint8Array>;
  let leads: boolean;
  let artifacts: Artifacts;
  beforeEach(() => {
    ports = new ManualPorts();
    store = new Store(ports);
    documents = new Map();
    leads = true;
    const objects = async (): Promise<Objects> => store;
    const bucket = {
      keys: async (pattern: string) => [...documents.keys()].filter((key) => key.startsWith(pattern.slice(0, -1))),
      get: async (key: string) => {
        const value = documents.get(key);
        return value === undefined ? undefined : { key, value, revision: 1 };
      },
    };
    artifacts = new Artifacts({
      ports,
      plans: new Plans(objects),
      documents: async () => bucket as unknown as KeyValue,
      objects,
      leads: () => leads,
      times: TIMES,
    });
  });

  function planOf(name: string, component?: string): LogicalPlan {
    const steps = component === undefined ? [] : [{ kind: 'component', component: shippedName(component) }];
    const operators = [{ name: 'own', steps }];
    const plan = { name, namespace: 'default', file: '<test>', sources: [], operators, sinks: [], warnings: [] };
    return { ...plan, checkpoint: { every: 5n } } as unknown as LogicalPlan;
  }

  /** A deployment without its document; resolves to the plan's digest. */
  async function upload(name: string): Promise<{ readonly plan: string; readonly component: string }> {
    const plans = new Plans(async () => store);
    const component = await plans.keepComponent(new TextEncoder().encode(name));
    return { plan: await plans.keep(planOf(name, component)), component };
  }

  function write(app: string, plan: string, wanted: AppDocument['wanted'] = 'running'): void {
    const document = {
      ...versioned,
      namespace: 'default',
      app,
      revision: 1,
      deployed: 1,
      plan,
      parameters: [],
      wanted,
    };
    const whole: AppDocument = { ...document, changed: ports.now() };
    documents.set(appKey(whole), encodeDocument(whole));
  }

  /** Looks as often as a coordinator does. */
  async function pass(milliseconds: number): Promise<readonly string[]> {
    const deleted: string[] = [];
    for (let passed = 0; passed < milliseconds; passed += 100) {
      await ports.advance(100);
      deleted.push(...(await artifacts.sweep()));
    }
    return deleted;
  }

  it('goes after a while, with its component; what a document names stays', async () => {
    const [named, other] = [await upload('shop'), await upload('other')];
    write('shop', named.plan);
    expect(await pass(900)).toEqual([]);
    expect([...(await pass(500))].sort()).toEqual([componentObject(other.component), planObject(other.plan)]);
    expect([...store.kept.keys()].sort()).toEqual([componentObject(named.component), planObject(named.plan)]);
    const next = await upload('shop-2');
    write('shop', next.plan);
    expect([...(await pass(2_000))].sort()).toEqual([componentObject(named.component), planObject(named.plan)]);
  });

  it('goes of a task when that is undeployed, and not before', async () => {
    const { plan, component } = await upload('scoring');
    const document: TaskDocument = {
      ...versioned,
      ...{ namespace: 'default', task: 'scoring', revision: 1, wanted: 'served', plan, operator: 'own' },
      ...{ parameters: [], placement: {}, bounds: {}, changed: 0 },
    };
    documents.set(taskKey(document), encodeDocument(document));
    expect(await pass(2_000)).toEqual([]);
    documents.set(taskKey(document), encodeDocument({ ...document, wanted: 'undeployed' }));
    expect([...(await pass(2_000))].sort()).toEqual([componentObject(component), planObject(plan)]);
  });

  it('stays where it is put again, as by one who is about to name it', async () => {
    await upload('shop');
    await pass(900);
    const { plan } = await upload('shop');
    expect(await pass(900)).toEqual([]);
    write('shop', plan);
    expect(await pass(5_000)).toEqual([]);
    expect(store.kept.size).toBe(2);
  });

  it('stays while what is undeployed may be flowing out', async () => {
    const { plan } = await upload('shop');
    write('shop', plan, 'undeployed');
    expect(await pass(5_000)).toEqual([]);
    expect(await pass(1_500)).toHaveLength(2);
  });

  it('stays where somebody else coordinates, and where a document cannot be read', async () => {
    await upload('shop');
    leads = false;
    expect(await pass(3_000)).toEqual([]);
    leads = true;
    documents.set('apps.default.new', new TextEncoder().encode('{"format":99,"oldest":99}'));
    await expect(artifacts.sweep()).rejects.toMatchObject({ code: expect.stringMatching(/^cluster\./) });
    expect(store.kept.size).toBe(2);
    documents.clear();
    expect(await artifacts.sweep()).toHaveLength(2);
  });

  it('goes though a plan that is named has been lost, and later where the store is away', async () => {
    write('shop', 'lost');
    await upload('other');
    await pass(900);
    const { written } = store;
    store.written = async () => {
      throw externalError('nats.timeout', 'away');
    };
    await ports.advance(500);
    await expect(artifacts.sweep()).rejects.toMatchObject({ code: 'nats.timeout' });
    expect(store.kept.size).toBe(2);
    store.written = written;
    expect(await artifacts.sweep()).toHaveLength(2);
  });
});

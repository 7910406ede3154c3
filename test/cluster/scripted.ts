/**
 * Stand-ins for what an agent is handed, for tests of the control plane alone: fragments that do what a test tells them, disks and checkpoints
 * in memory. The real ones are tested elsewhere; what is tested here is who is told what and when.
 */

import type { FragmentPlan } from '../../engine/compile/fragment-plan.ts';
import { defined } from '../../engine/defined.ts';
import { CloudskinError } from '../../engine/errors.ts';
import type {
  Bequest,
  FragmentEvents,
  FragmentHandle,
  FragmentHost,
  FragmentStart,
  FragmentStatus,
  StopHow,
} from '../../engine/runtime/fragment-handle.ts';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import type {
  CheckpointHead,
  Checkpoints,
  FragmentReceipt,
  Manifest,
} from '../../engine/state/checkpoint/checkpoints.ts';
import type { FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';

export const NO_METRICS: FragmentStatus['metrics'] = {
  at: 0,
  state: 'running',
  elapsed: 0,
  rowsIn: 0,
  rowsOut: 0,
  rowsPerSecond: 0,
  late: 0,
  errors: 0,
  bad: 0,
  watermark: null,
  lag: null,
  memory: 0,
  troubles: [],
  nodes: [],
};

export class ScriptedFragment implements FragmentHandle {
  readonly plan: FragmentPlan;
  readonly start: FragmentStart;
  readonly events: FragmentEvents;
  readonly calls: string[] = [];
  state: FragmentStatus['state'] = 'opening';

  constructor(start: FragmentStart, events: FragmentEvents) {
    this.start = start;
    this.plan = start.plan;
    this.events = events;
  }

  status(): FragmentStatus {
    return { state: this.state, waiting: [], channels: new Map(), metrics: NO_METRICS };
  }

  becomeReady(): void {
    this.state = 'running';
    this.events.ready();
  }

  end(): void {
    this.state = 'ended';
    this.events.ended();
  }

  fail(code = 'test.failed', domain: 'user' | 'external' = 'external'): void {
    this.state = 'failed';
    this.events.over(new CloudskinError(code, `${this.plan.name} was made to fail`, { domain }));
  }

  checkpoint(id: number): void {
    this.calls.push(`barrier ${id}`);
    const { name } = this.plan;
    const receipt: FragmentReceipt = { fragment: name, blobs: [], paused: 0, took: 1, bytes: 10, detail: {} };
    queueMicrotask(() => this.events.saved(id, receipt));
  }

  bequeath(bequest: Bequest | undefined): Promise<void> {
    this.calls.push(bequest === undefined ? 'keep' : `bequeath ${bequest.epoch}`);
    return Promise.resolve();
  }

  commit(id: number): Promise<void> {
    this.calls.push(`commit ${id}`);
    return Promise.resolve();
  }

  pause(): Promise<void> {
    this.calls.push('pause');
    this.state = 'paused';
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.calls.push('resume');
    this.state = 'running';
    return Promise.resolve();
  }

  finish(): Promise<void> {
    this.calls.push('finish');
    this.state = 'ended';
    this.events.over();
    return Promise.resolve();
  }

  stop(how: StopHow): Promise<void> {
    this.calls.push(`stop ${how}`);
    if (how === 'drain') this.end();
    else if (this.state !== 'failed') {
      this.state = 'stopped';
      this.events.over();
    }
    return Promise.resolve();
  }
}

/** Fragments become ready at once, unless `hold` is set. */
export class ScriptedHost implements FragmentHost {
  readonly started: ScriptedFragment[] = [];
  hold = false;

  start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle> {
    const fragment = new ScriptedFragment(start, events);
    this.started.push(fragment);
    if (!this.hold) queueMicrotask(() => fragment.state === 'opening' && fragment.becomeReady());
    return Promise.resolve(fragment);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The fragment started last. */
  get last(): ScriptedFragment {
    const last = this.started.at(-1);
    if (last === undefined) throw new Error('no fragment was started');
    return last;
  }

  get running(): readonly ScriptedFragment[] {
    return this.started.filter(({ state }) => state === 'running' || state === 'paused' || state === 'opening');
  }
}

export class MemoryBlobs implements BlobStore {
  readonly description = 'memory';
  readonly blobs: Map<string, Uint8Array> = new Map();

  put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    this.blobs.set(name, new Uint8Array(Buffer.concat(parts)));
    return Promise.resolve();
  }

  get(name: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.blobs.get(name));
  }

  list(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.blobs.keys()].filter((name) => name.startsWith(prefix)));
  }

  delete(name: string): Promise<void> {
    this.blobs.delete(name);
    return Promise.resolve();
  }
}

/** Manifests of one region. */
export class MemoryCheckpoints implements Checkpoints {
  readonly manifests: Manifest[] = [];
  readonly #region: { readonly namespace: string; readonly app: string; readonly region: string };

  constructor(region: { readonly namespace: string; readonly app: string; readonly region: string }) {
    this.#region = region;
  }

  complete(head: CheckpointHead, receipts: readonly FragmentReceipt[]): Promise<void> {
    const { namespace, app, region } = this.#region;
    this.manifests.push({ ...head, format: 1, namespace, app, region, fragments: receipts });
    this.manifests.sort((one, other) => other.id - one.id);
    return Promise.resolve();
  }

  list(): Promise<readonly { readonly manifest?: Manifest; readonly id: number }[]> {
    return Promise.resolve(this.manifests.map((manifest) => ({ manifest, id: manifest.id })));
  }

  newest(id: number = Number.POSITIVE_INFINITY): ReturnType<Checkpoints['newest']> {
    const manifest = this.manifests.find((one) => one.id <= id);
    return Promise.resolve({ ...defined({ manifest }), refused: [] });
  }

  load(): Promise<FragmentSnapshot> {
    return Promise.reject(new Error('nothing is loaded here'));
  }
}

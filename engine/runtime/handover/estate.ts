/**
 * Where fragments of one thread meet at a handover: those of the old plan leave what they have, those of the new one wait for it. Keyed by the
 * epoch that ends and the fragment's name. What was left is its fragment's until somebody takes it; an entry goes with the fragment that made it,
 * and one that was only waited for with whoever waited.
 */
import { internalError } from '../../errors.ts';
import type { FragmentSnapshot, LogicalState } from '../../state/checkpoint/state.ts';
import type { Legacy } from './legacy.ts';

/** A fragment of the plan that ends. */
export interface Former {
  readonly namespace: string;
  readonly app: string;
  readonly epoch: number;
  readonly fragment: string;
}

/** The state that one has left. */
export interface Brought {
  /** With the cells that are carried. */
  readonly snapshot: FragmentSnapshot;
  /** When it was cut, in milliseconds of this thread's clock that never goes back. */
  readonly leftAt: number;
  /** The logical form of one of its cells, where it is to be had without a cell being opened for it. */
  readonly exported?: (cell: string) => readonly LogicalState[] | undefined;
}

interface Entry {
  readonly left: PromiseWithResolvers<Legacy>;
  readonly closed: PromiseWithResolvers<void>;
}

export class Estate {
  readonly #entries = new Map<string, Entry>();

  /** How many fragments are waited for, or have left what may be taken. */
  get size(): number {
    return this.#entries.size;
  }

  leave(former: Former, legacy: Legacy): void {
    this.#entry(former).left.resolve(legacy);
  }

  /** No channel of the fragment is open any more. */
  close(former: Former): void {
    this.#entry(former).closed.resolve();
  }

  /** Nothing of it is to be had any more: whoever waits fails. */
  forget(former: Former): void {
    const entry = this.#entries.get(keyOf(former));
    this.#entries.delete(keyOf(former));
    const gone = internalError('handover.gone', `${former.fragment} is over and has left nothing`);
    entry?.left.reject(gone);
    entry?.closed.reject(gone);
  }

  /** Resolves when it has left. */
  left(former: Former): Promise<Legacy> {
    return this.#entry(former).left.promise;
  }

  closed(former: Former): Promise<void> {
    return this.#entry(former).closed.promise;
  }

  #entry(former: Former): Entry {
    const key = keyOf(former);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { left: Promise.withResolvers(), closed: Promise.withResolvers() };
    // whoever waits hears it; nobody has to wait
    entry.left.promise.catch(() => undefined);
    entry.closed.promise.catch(() => undefined);
    this.#entries.set(key, entry);
    return entry;
  }
}

function keyOf({ namespace, app, epoch, fragment }: Former): string {
  return `${namespace}/${app} ${epoch} ${fragment}`;
}

/**
 * One instance of an operator with what it was granted, initialised; replaced by a fresh one after a trap.
 */
import { encodeSchema } from '../../batch/ipc.ts';
import type { Schema } from '../../batch/types.ts';
import { footprintOf } from '../memory-image.ts';
import type { Grants } from './granted.ts';
import { describeGuestError } from './guest-errors.ts';
import { GuestImage, Witness } from './guest-image.ts';
import type { OperatorHost } from './host.ts';
import { type CompiledOperator, OperatorInstance } from './instance.ts';
import { Lifter, type OutputDescription } from './lifter.ts';
import type { GuestParts, Start } from './starts.ts';
import { acquireDeadline } from './watchdog.ts';

export interface GuestSetup {
  readonly operator: CompiledOperator;
  /** Of this operator, configuration, inputs and limit. */
  readonly start: Start;
  /** Names it in errors. */
  readonly who: string;
  readonly grants: Grants;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: readonly { readonly name: string; readonly schema: Schema }[];
  readonly callLimitMs: number;
  readonly memoryLimitBytes: number;
}

export class Guest {
  readonly outputs: readonly OutputDescription[];
  readonly #parts: GuestParts;
  readonly #start: Start;

  constructor(start: Start, parts: GuestParts, outputs: readonly OutputDescription[]) {
    this.#start = start;
    this.#parts = parts;
    this.outputs = outputs;
  }

  /** A guest as it is after `init`, by running it or from the image that an earlier run left; throws the guest's errors as the user's. */
  static start(setup: GuestSetup): Guest {
    try {
      return waiting(setup) ?? begin(setup);
    } catch (error) {
      throw describeGuestError(error, setup.who, 'starting', setup.grants.lastError);
    }
  }

  get lifter(): Lifter {
    return this.#parts.lifter;
  }

  /** For images: its memories and mutable globals as they are. */
  get memories(): readonly WebAssembly.Memory[] {
    return this.#parts.instance.memories;
  }

  get globals(): ReadonlyMap<string, WebAssembly.Global> {
    return this.#parts.instance.globals;
  }

  get stateHidden(): string | undefined {
    return this.#parts.instance.stateHidden;
  }

  get size(): number {
    return this.#parts.instance.size;
  }

  /** Milliseconds that each call from now on may take. */
  limit(milliseconds: number): void {
    this.#parts.deadline.take(milliseconds);
  }

  /** It may serve again, for whoever needs the same operator; nothing of what it did is left by then. */
  release(): void {
    this.#parts.deadline.release();
    if (!this.#start.give(this.#parts)) this.#parts.instance.release();
  }

  /** After a trap, which may have left anything anywhere. */
  discard(): void {
    this.#parts.deadline.release();
    this.#parts.instance.release();
  }
}

/** One that has ended and waits at the image. */
function waiting({ start, grants, callLimitMs }: GuestSetup): Guest | undefined {
  const { image } = start;
  const parts = image === undefined ? undefined : start.take();
  if (image === undefined || parts === undefined) return undefined;
  parts.deadline.take(callLimitMs);
  parts.instance.host = grants;
  image.introduce(grants);
  return new Guest(start, parts, image.outputs);
}

function begin(setup: GuestSetup): Guest {
  const { start, grants } = setup;
  const { image } = start;
  const witness = new Witness(grants);
  const parts = instantiate(setup, image === undefined ? witness : grants);
  try {
    if (image === undefined) return initialise(setup, parts, witness);
    start.copy(parts.instance);
    image.introduce(grants);
    return new Guest(start, parts, image.outputs);
  } catch (error) {
    parts.instance.release();
    parts.deadline.release();
    throw error;
  }
}

function initialise({ start, grants, inputs, config }: GuestSetup, parts: GuestParts, witness: Witness): Guest {
  const before = parts.instance.memories.map(footprintOf);
  const messages = inputs.map(({ name, schema }) => ({ name, message: encodeSchema(schema) }));
  const outputs = parts.lifter.init(JSON.stringify(config), messages);
  start.initialised(GuestImage.take(parts.instance, before, outputs, witness));
  parts.instance.host = grants;
  return new Guest(start, parts, outputs);
}

/** Start functions run here, under the deadline like any call. */
function instantiate({ operator, callLimitMs, memoryLimitBytes }: GuestSetup, host: OperatorHost): GuestParts {
  const deadline = acquireDeadline(callLimitMs);
  let instance: OperatorInstance | undefined;
  deadline.begin();
  try {
    instance = new OperatorInstance(operator, host, deadline, memoryLimitBytes);
    deadline.end();
    return { instance, lifter: new Lifter(instance, deadline), deadline };
  } catch (error) {
    const late = deadline.end();
    instance?.release();
    deadline.release();
    throw late ? deadline.exceeded() : error;
  }
}

/**
 * One instance of an operator with what it was granted, initialised; replaced by a fresh one after a trap.
 */
import { encodeSchema } from '../../batch/ipc.ts';
import type { Schema } from '../../batch/types.ts';
import { footprintOf } from '../memory-image.ts';
import type { Grants } from './granted.ts';
import { describeGuestError } from './guest-errors.ts';
import { type GuestDifference, GuestImage, Witness } from './guest-image.ts';
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
      return fromImage(setup) ?? begin(setup);
    } catch (error) {
      throw describeGuestError(error, setup.who, 'starting', setup.grants.lastError);
    }
  }

  /** The guest that was put to sleep, as it was. */
  static wake(setup: GuestSetup, difference: GuestDifference): Guest {
    try {
      const parts = waitingParts(setup, difference.image) ?? copied(setup, difference.image);
      difference.applyTo(parts.instance);
      return new Guest(setup.start, parts, difference.image.outputs);
    } catch (error) {
      throw describeGuestError(error, setup.who, 'waking', setup.grants.lastError);
    }
  }

  /** Its instance may serve others, and what is left of it is what `wake` makes it of again. Undefined where that could not be: it stays as it is. */
  sleep(): GuestDifference | undefined {
    const { image } = this.#start;
    if (image === undefined || this.stateHidden !== undefined) return undefined;
    const difference = image.differenceOf(this.#parts.instance);
    this.release();
    return difference;
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

/** A guest at the image of its start, where there is one. */
function fromImage(setup: GuestSetup): Guest | undefined {
  const { start, grants } = setup;
  const { image } = start;
  if (image === undefined) return undefined;
  const parts = waitingParts(setup, image) ?? copied(setup, image);
  image.introduce(grants);
  return new Guest(start, parts, image.outputs);
}

/** Of one that has ended and waits at the image. */
function waitingParts({ start, grants, callLimitMs }: GuestSetup, image: GuestImage): GuestParts | undefined {
  const parts = start.image === image ? start.take() : undefined;
  if (parts === undefined) return undefined;
  parts.deadline.take(callLimitMs);
  parts.instance.host = grants;
  return parts;
}

/** Of a fresh one, brought to the image. */
function copied(setup: GuestSetup, image: GuestImage): GuestParts {
  const parts = instantiate(setup, setup.grants);
  return orGiveBack(parts, () => {
    image.copyTo(parts.instance);
    setup.start.copied();
    return parts;
  });
}

function begin(setup: GuestSetup): Guest {
  const witness = new Witness(setup.grants);
  const parts = instantiate(setup, witness);
  return orGiveBack(parts, () => initialise(setup, parts, witness));
}

function orGiveBack<T>({ instance, deadline }: GuestParts, use: () => T): T {
  try {
    return use();
  } catch (error) {
    instance.release();
    deadline.release();
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

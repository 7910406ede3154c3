/**
 * One instance of an operator with what it was granted, initialised; replaced by a fresh one after a trap.
 */
import { encodeSchema } from '../../batch/ipc.ts';
import type { Schema } from '../../batch/types.ts';
import type { Grants } from './granted.ts';
import { describeGuestError } from './guest-errors.ts';
import { type CompiledOperator, OperatorInstance } from './instance.ts';
import { Lifter, type OutputDescription } from './lifter.ts';
import { acquireDeadline, type Deadline } from './watchdog.ts';

export interface GuestSetup {
  readonly operator: CompiledOperator;
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
  readonly lifter: Lifter;
  readonly #instance: OperatorInstance;
  readonly #deadline: Deadline;

  private constructor(
    instance: OperatorInstance,
    deadline: Deadline,
    lifter: Lifter,
    outputs: readonly OutputDescription[],
  ) {
    this.#instance = instance;
    this.#deadline = deadline;
    this.lifter = lifter;
    this.outputs = outputs;
  }

  /** Instantiates and initialises; throws the guest's errors as the user's. */
  static start(setup: GuestSetup): Guest {
    const deadline = acquireDeadline(setup.callLimitMs);
    let instance: OperatorInstance | undefined;
    try {
      instance = instantiate(setup, deadline);
      const lifter = new Lifter(instance, deadline);
      const inputs = setup.inputs.map(({ name, schema }) => ({ name, message: encodeSchema(schema) }));
      const outputs = lifter.init(JSON.stringify(setup.config), inputs);
      return new Guest(instance, deadline, lifter, outputs);
    } catch (error) {
      instance?.release();
      deadline.release();
      throw describeGuestError(error, setup.who, 'starting', setup.grants.lastError);
    }
  }

  /** For images: its memories and mutable globals as they are. */
  get memories(): readonly WebAssembly.Memory[] {
    return this.#instance.memories;
  }

  globals(): Map<string, WebAssembly.Global> {
    return this.#instance.globals();
  }

  get size(): number {
    return this.#instance.size;
  }

  release(): void {
    this.#instance.release();
    this.#deadline.release();
  }
}

/** Start functions run here, under the deadline like any call. */
function instantiate(setup: GuestSetup, deadline: Deadline): OperatorInstance {
  deadline.begin();
  try {
    return new OperatorInstance(setup.operator, setup.grants, deadline, setup.memoryLimitBytes);
  } catch (error) {
    throw deadline.end() ? deadline.exceeded() : error;
  } finally {
    deadline.end();
  }
}

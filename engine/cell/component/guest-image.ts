/**
 * What an operator is once its `init` has returned: memories, mutable globals, outputs, and what it told its host meanwhile. Further guests of
 * the same operator, configuration and inputs begin with it instead of running `init`.
 */

import { type Footprint, type MemoryDifference, MemoryImage } from '../memory-image.ts';
import type { LogLevel, OperatorHost, RowError } from './host.ts';
import type { OperatorInstance } from './instance.ts';
import type { OutputDescription } from './lifter.ts';

/** More than this of what an `init` may tell its host is not kept to be told again. */
const MAX_SAID = 256;

/** Passes on what a guest tells its host and keeps it, so that it can be told to the host of another guest. */
export class Witness implements OperatorHost {
  readonly said: ((host: OperatorHost) => void)[] = [];
  readonly #host: OperatorHost;
  #repeatable = true;

  constructor(host: OperatorHost) {
    this.#host = host;
  }

  /** False where the guest asked for what is not the same each time. */
  get repeatable(): boolean {
    return this.#repeatable;
  }

  log(level: LogLevel, message: string): void {
    this.#tell((host) => host.log(level, message));
  }

  count(name: string, delta: bigint): void {
    this.#tell((host) => host.count(name, delta));
  }

  gauge(name: string, value: number): void {
    this.#tell((host) => host.gauge(name, value));
  }

  now(): bigint {
    this.#repeatable = false;
    return this.#host.now();
  }

  random(): bigint {
    this.#repeatable = false;
    return this.#host.random();
  }

  setTimer(time: bigint): boolean {
    return this.#tell((host) => host.setTimer(time));
  }

  clearTimer(time: bigint): void {
    this.#tell((host) => host.clearTimer(time));
  }

  reject(error: RowError): void {
    this.#host.reject(error);
  }

  #tell<T>(say: (host: OperatorHost) => T): T {
    if (this.said.length < MAX_SAID) this.said.push(say);
    else this.#repeatable = false;
    return say(this.#host);
  }
}

export class GuestImage {
  readonly outputs: readonly OutputDescription[];
  /** Bytes that it keeps. */
  readonly size: number;
  readonly #memories: readonly MemoryImage[];
  readonly #globals: ReadonlyMap<string, WebAssembly.Global['value']>;
  readonly #said: Witness['said'];

  private constructor(
    instance: OperatorInstance,
    before: readonly Footprint[],
    outputs: readonly OutputDescription[],
    said: Witness['said'],
  ) {
    this.outputs = outputs;
    this.#said = said;
    this.#memories = instance.memories.map((memory, index) => new MemoryImage(memory, before[index]));
    this.#globals = new Map([...instance.globals].map(([name, global]) => [name, global.value]));
    this.size = this.#memories.reduce((sum, { size }) => sum + size, 0);
  }

  /** The image of an instance right after its `init`; undefined where another guest could not begin with it. `before`: in front of `init`. */
  static take(
    instance: OperatorInstance,
    before: readonly Footprint[],
    outputs: readonly OutputDescription[],
    witness: Witness,
  ): GuestImage | undefined {
    if (!witness.repeatable || instance.stateHidden !== undefined) return undefined;
    return new GuestImage(instance, before, outputs, witness.said);
  }

  /** Brings an instance of the same operator to it that has done nothing. */
  copyTo(instance: OperatorInstance): void {
    for (const [index, memory] of instance.memories.entries()) this.#memories[index]?.copyTo(memory);
    this.#setGlobals(instance);
  }

  /** Brings an instance of the same operator to it, whatever the instance has done before: nothing of that is left. */
  restore(instance: OperatorInstance): void {
    for (const [index, memory] of instance.memories.entries()) this.#memories[index]?.restore(memory);
    this.#setGlobals(instance);
  }

  #setGlobals(instance: OperatorInstance): void {
    for (const [name, global] of instance.globals) {
      const value = this.#globals.get(name);
      if (value !== undefined) global.value = value;
    }
  }

  /** What tells an instance from it. */
  differenceOf(instance: OperatorInstance): GuestDifference {
    const memories = instance.memories.flatMap((memory, index) => this.#memories[index]?.differenceOf(memory) ?? []);
    return new GuestDifference(this, memories, instance.globals);
  }

  /** Tells a host what `init` told. */
  introduce(host: OperatorHost): void {
    for (const say of this.#said) say(host);
  }
}

/** What tells a guest from the image that it began with: all that is kept of one that sleeps (`awake.ts`), beside the image, which many share. */
export class GuestDifference {
  readonly image: GuestImage;
  readonly #memories: readonly MemoryDifference[];
  readonly #globals: ReadonlyMap<string, WebAssembly.Global['value']>;

  constructor(
    image: GuestImage,
    memories: readonly MemoryDifference[],
    globals: ReadonlyMap<string, WebAssembly.Global>,
  ) {
    this.image = image;
    this.#memories = memories;
    this.#globals = new Map([...globals].map(([name, global]) => [name, global.value]));
  }

  /** Bytes that it keeps. */
  get size(): number {
    return this.#memories.reduce((sum, { size }) => sum + size, 0);
  }

  /** Makes of an instance that is at the image the one that it was taken of. */
  applyTo(instance: OperatorInstance): void {
    for (const [index, memory] of instance.memories.entries()) this.#memories[index]?.applyTo(memory);
    for (const [name, global] of instance.globals) {
      const value = this.#globals.get(name);
      if (value !== undefined) global.value = value;
    }
  }
}

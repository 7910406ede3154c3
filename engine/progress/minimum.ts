/**
 * The progress of several inputs as one: the watermark is the least of those that are active. An idle input is left out; when
 * all that have not ended are idle, so is the whole, and its watermark is the greatest of theirs, so that the order in
 * which they fell silent does not matter. It never falls back.
 */
import { earlier, later, TIME_MIN } from './time.ts';

/** How far a stream has come; `watermark` in microseconds. */
export interface Progress {
  readonly watermark: bigint;
  readonly idle: boolean;
  readonly ended: boolean;
}

interface Input {
  watermark: bigint;
  idle: boolean;
  ended: boolean;
}

export class ProgressMinimum implements Progress {
  readonly #inputs: readonly Input[];
  #watermark = TIME_MIN;
  #idle = false;
  #ended = false;

  constructor(inputs: number) {
    this.#inputs = Array.from({ length: inputs }, () => ({ watermark: TIME_MIN, idle: false, ended: false }));
    this.#ended = inputs === 0;
  }

  get watermark(): bigint {
    return this.#watermark;
  }

  get idle(): boolean {
    return this.#idle;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** How far input `index` has come by itself. */
  input(index: number): Progress {
    return this.#input(index);
  }

  /** Takes in what an input has reached; true when the whole has changed by it. */
  update(index: number, watermark: bigint, idle: boolean): boolean {
    const input = this.#input(index);
    const heldBack = !input.idle && input.watermark <= this.#watermark;
    input.watermark = later(watermark, input.watermark);
    const same = input.idle === idle;
    input.idle = idle;
    return same && !heldBack && !idle && !this.#idle && this.#watermark !== TIME_MIN ? false : this.#settle();
  }

  /** Input `index` is over; true when the whole has changed by it. */
  end(index: number): boolean {
    this.#input(index).ended = true;
    return this.#settle();
  }

  #input(index: number): Input {
    const input = this.#inputs[index];
    if (input === undefined) throw new RangeError(`there is no input ${index}`);
    return input;
  }

  #settle(): boolean {
    let least: bigint | undefined;
    let greatestIdle = TIME_MIN;
    let open = 0;
    for (const { watermark, idle, ended } of this.#inputs) {
      if (ended) continue;
      open++;
      if (idle) greatestIdle = later(greatestIdle, watermark);
      else least = earlier(least ?? watermark, watermark);
    }
    const watermark = later(this.#watermark, least ?? greatestIdle);
    const idle = open > 0 && least === undefined;
    const ended = open === 0;
    const changed = watermark !== this.#watermark || idle !== this.#idle || ended !== this.#ended;
    this.#watermark = watermark;
    this.#idle = idle;
    this.#ended = ended;
    return changed;
  }
}

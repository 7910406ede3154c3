/** Seeded random numbers: the same on every machine and for every batch size. */

const TWO_32 = 4_294_967_296;
const TWO_53 = 9_007_199_254_740_992;

/** FNV-1a of 32 bits over the text's UTF-16 units: turns a name into a seed. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand 0.94): 128 bits of state of which 32 are a counter, so that no seed has a short period. One
 * stream for each `name` of one `seed`.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare = Number.NaN;

  constructor(seed: number, name: string) {
    this.#a = hash(name);
    this.#b = seed | 0;
    this.#c = Math.floor(seed / TWO_32) | 0;
    for (let i = 0; i < 15; i++) this.#bits();
  }

  /** Five numbers, JSON as they are; `restore` takes them back. */
  save(): readonly (number | null)[] {
    return [this.#a, this.#b, this.#c, this.#counter, Number.isNaN(this.#spare) ? null : this.#spare];
  }

  restore([a, b, c, counter, spare]: readonly (number | null)[]): void {
    this.#a = a ?? 0;
    this.#b = b ?? 0;
    this.#c = c ?? 0;
    this.#counter = counter ?? 0;
    this.#spare = spare ?? Number.NaN;
  }

  /** 32 random bits, as a signed number. */
  #bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum;
  }

  /** At least 0 and below 1, one of 2^53 values. */
  unit(): number {
    const high = this.#bits() >>> 5;
    const low = this.#bits() >>> 6;
    return (high * 67_108_864 + low) / TWO_53;
  }

  /** A whole number from 0 to below `count`, which is at most 2^53. */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }

  /** Mean 0, deviation 1 (G. Box and M. Muller, "A Note on the Generation of Random Normal Deviates", 1958). */
  normal(): number {
    if (!Number.isNaN(this.#spare)) {
      const spare = this.#spare;
      this.#spare = Number.NaN;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()));
    const angle = 2 * Math.PI * this.unit();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** Draws 0 to `weights.length - 1` in proportion to the weights, by bisection of their running sums. */
export class WeightedChoice {
  readonly #sums: Float64Array;

  constructor(weights: ArrayLike<number>) {
    this.#sums = new Float64Array(weights.length);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) {
      sum += weights[i] as number;
      this.#sums[i] = sum;
    }
  }

  draw(random: Random): number {
    const sums = this.#sums;
    const target = random.unit() * (sums[sums.length - 1] as number);
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (target < (sums[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The weights of Zipf's law: the k-th of `count` keys is drawn in proportion to 1 / k^exponent. */
export function zipfWeights(count: number, exponent: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => (i + 1) ** -exponent);
}

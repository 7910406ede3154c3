/**
 * The shortest decimal that reads back as a float, as PostgreSQL chooses it: strictly inside of the interval of decimals that are nearest to
 * the float (one on its border is not taken, though round-to-even would read it back), of those the one nearest to the float, of two
 * such the even one. JavaScript's own takes borders and differs in ties, from 2^44 on.
 */
const BITS = new DataView(new ArrayBuffer(8));

/** A positive float: mantissa * 2^power, and whether the float below is half as far away as the one above. */
interface Parts {
  readonly mantissa: bigint;
  readonly power: number;
  readonly closer: boolean;
}

function partsOf(x: number, kind: 'float32' | 'float64'): Parts {
  const fractionBits = kind === 'float64' ? 52 : 23;
  if (kind === 'float64') BITS.setFloat64(0, x);
  else BITS.setFloat32(0, x);
  const raw = kind === 'float64' ? BITS.getBigUint64(0) : BigInt(BITS.getUint32(0));
  const hidden = 1n << BigInt(fractionBits);
  const fraction = raw & (hidden - 1n);
  const field = Number(raw >> BigInt(fractionBits));
  const bias = kind === 'float64' ? 1075 : 150;
  return {
    mantissa: field === 0 ? fraction : fraction | hidden,
    power: (field === 0 ? 1 : field) - bias,
    closer: fraction === 0n && field > 1,
  };
}

/** Digits and power of ten of the decimal with step 10^`k` that lies inside and nearest; undefined where none lies inside. */
function nearestInside({ mantissa, power, closer }: Parts, k: number): bigint | undefined {
  // In quarters of 2^power times 10^-k; `unit` is one step.
  const scale = (k < 0 ? 10n ** BigInt(-k) : 1n) << BigInt(Math.max(power, 0));
  const unit = (k > 0 ? 10n ** BigInt(k) : 1n) << BigInt(Math.max(-power, 0) + 2);
  const value = 4n * mantissa * scale;
  const below = value / unit;
  const fromBelow = value - below * unit;
  const toAbove = unit - fromBelow;
  const belowInside = below > 0n && fromBelow < (closer ? 1n : 2n) * scale;
  const aboveInside = toAbove < 2n * scale;
  if (belowInside && aboveInside) {
    return fromBelow < toAbove || (fromBelow === toAbove && below % 2n === 0n) ? below : below + 1n;
  }
  return belowInside ? below : aboveInside ? below + 1n : undefined;
}

/** A positive finite float as d.ddde±d with the fewest digits. */
export function shortestExponential(x: number, kind: 'float32' | 'float64'): string {
  if (kind === 'float64' && x < 2 ** 44) return x.toExponential();
  const parts = partsOf(x, kind);
  // No power of ten above this one is narrower than the interval, which is 2^power wide.
  for (let k = Math.ceil(parts.power * Math.LOG10E * Math.LN2) + 1; ; k -= 1) {
    const digits = nearestInside(parts, k);
    if (digits === undefined) continue;
    const text = String(digits);
    const significant = text.replace(/0+$/, '');
    const fraction = significant.length > 1 ? `.${significant.slice(1)}` : '';
    const exponent = text.length - 1 + k;
    return `${significant[0]}${fraction}e${exponent < 0 ? '' : '+'}${exponent}`;
  }
}

/** Arguments to test catalogue functions with: edge cases of every kind, and generators, sharpened for functions that read text. */
import fc from 'fast-check';
import type { CatalogueFunction, Value, ValueKind } from '../../engine/expression/define.ts';

const UNITS: readonly bigint[] = [1n, 1_000n, 1_000_000n, 1_000_000_000n];

/** Every list of ticks-per-second that the function may get behind its arguments. */
export function unitsOf(fn: CatalogueFunction): readonly (readonly bigint[])[] {
  if (fn.units === undefined) return [[]];
  if (fn.units !== 'both') return UNITS.map((unit) => [unit]);
  return UNITS.flatMap((from) => UNITS.map((to) => [from, to]));
}

const INT32 = [0, 1, -1, 2, 3, 5, 7, 12, 29, 100, 1900, 2024, -44, 2147483647, -2147483648, 65_536, 0xd800, 0x1f600];
const INT64 = [0n, 1n, -1n, 999n, -1000n, 86_399_999n, -86_400_001n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const TICKS = [
  ...INT64,
  951_782_400_000_000n, // 2000-02-29
  946_684_799_999_999n, // just before 2000
  -62_135_596_800_000_001n, // just before the year 1
  1_709_209_801_500_000n,
  -210_866_803_200_000_000n, // 4714-11-24 BC
  1_600_000_000n,
];
const FLOATS = [
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e23, 0.1, 1 / 3, 123456.789, 1e15, 1e14, 1e-5, 1e-4, 2 ** 53, 2 ** 60],
  ...[5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 1e300, -1e-300, 709.78, -745.2, 1e22, 3.5e9, -3.5e9],
  ...[2147483647.5, -2147483648.5, 2 ** 63, -(2 ** 63), 1.005, 2.675, Math.PI, 1e16, Number.NaN, Infinity, -Infinity],
];
const TEXTS = [
  ...[
    '',
    'a',
    'ab',
    ' a b ',
    '%',
    '_',
    '\\',
    'aaaa',
    'abcabc',
    'sensor-7',
    'NULL\0byte',
    'é',
    'ÀÉß',
    'ıİſΣς',
    'ᾀᾳ',
    'ǆǅǄ',
  ],
  ...[
    '日本語',
    '😀',
    '👩‍👩‍👧',
    '\u{10ffff}',
    '\ufeffbom',
    'x'.repeat(33),
    'ÿ'.repeat(17),
    '0123456789abcdefghijklmnopqrstuvwxyz',
  ],
];
const BYTES = ['', '00', 'ff', '0001fe', '00'.repeat(40)].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

const EDGES: Readonly<Record<ValueKind, readonly Value[]>> = {
  bool: [true, false],
  int32: INT32,
  int64: INT64,
  float32: [
    ...new Set(FLOATS.map(Math.fround)),
    16777216,
    3.4028234663852886e38,
    1.401298464324817e-45,
    350258.125,
    2 ** 24 + 2,
    47319368,
  ],
  float64: FLOATS,
  utf8: TEXTS,
  binary: BYTES,
  date32: [0, 1, -1, 19_782, 11_016, -719_163, -719_528, 2147483647, -2147483648, 10_956],
  timestamp: TICKS,
  duration: TICKS,
};

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', 'A', '%', '_', '-', ' ', 'é', '日', '😀'), maxLength: 24 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.constantFrom(...TEXTS),
);
const ticks = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.bigInt(-(10n ** 16n), 10n ** 16n),
  fc.bigInt(-(10n ** 11n), 10n ** 11n),
);
const float64 = fc.oneof(
  fc.double(),
  fc.double({ min: -1000, max: 1000 }),
  fc.integer({ min: -100_000, max: 100_000 }).map((n) => n / 1000),
  fc.constantFrom(...FLOATS),
);

const ANY: Readonly<Record<ValueKind, fc.Arbitrary<Value>>> = {
  bool: fc.boolean(),
  int32: fc.oneof(fc.integer(), fc.integer({ min: -40, max: 40 })),
  int64: ticks,
  float32: fc.oneof(fc.float(), fc.float({ min: -1000, max: 1000 })),
  float64,
  utf8: text,
  binary: fc.uint8Array({ maxLength: 40 }),
  date32: fc.oneof(fc.integer(), fc.integer({ min: -1_000_000, max: 100_000 })),
  timestamp: ticks,
  duration: ticks,
};

const blank = fc.constantFrom('', '', '', ' ', '\t\n', '  ', '\v', '\u00a0');
const sign = fc.constantFrom('', '', '-', '+');

function around(inner: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(blank, inner, blank).map((parts) => parts.join(''));
}

function digits(least: number, most: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most });
}

const integerText = around(
  fc.oneof(
    fc.tuple(sign, digits(1, 22)).map((parts) => parts.join('')),
    fc
      .tuple(
        sign,
        fc.constantFrom('0x', '0X', '0o', '0b', ''),
        fc.string({ unit: fc.constantFrom(...'01_7aF'), maxLength: 12 }),
      )
      .map((parts) => parts.join('')),
    fc.bigInt(-(2n ** 63n) - 3n, 2n ** 63n + 3n).map(String),
    fc.integer({ min: -2147483650, max: 2147483650 }).map(String),
    fc.constantFrom(
      '2147483648',
      '-2147483648',
      '-2147483649',
      '9223372036854775808',
      '-9223372036854775808',
      '99999999999x',
      '1__0',
      '_1',
      '1_',
      '0x_f',
      '0x',
      '- 1',
      '',
      '+',
    ),
  ),
);

const floatText = around(
  fc.oneof(
    fc.double().map(String),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .chain((x) => fc.integer({ min: 1, max: 100 }).map((n) => x.toPrecision(n))),
    fc
      .tuple(
        sign,
        digits(0, 30),
        fc.constantFrom('', '.'),
        digits(0, 30),
        fc.constantFrom('', 'e', 'E-', 'e+', 'x'),
        digits(0, 3),
      )
      .map((parts) => parts.join('')),
    fc.constantFrom(
      'nan',
      '-NaN',
      'inf',
      '+Infinity',
      '-iNF',
      'infinit',
      '1e400',
      '1e-400',
      '1e400x',
      '0e9999',
      '0x10',
      '1_0',
      '.',
      '5.',
      '.5',
      '1e',
      '2.5e-324',
      '2e-324',
      '16777217',
      '16777217.0000000001',
      '3.4028236e38',
      '7e-46',
      '8e-46',
    ),
  ),
);

const boolText = around(
  fc.oneof(
    fc.constantFrom(
      'true',
      'FALSE',
      't',
      'fal',
      'yes',
      'Ye',
      'no',
      'n',
      'on',
      'off',
      'of',
      'o',
      '1',
      '0',
      '10',
      'truee',
      '',
      'y ',
      'oN',
    ),
    fc.string({ unit: fc.constantFrom(...'truefalsyno01'), maxLength: 5 }),
  ),
);

const hexText = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  fc.constantFrom('\\x', '\\X0A', '\\x0', '\\xg0', 'x00', '', '\\', '\\x00\n', ' \\x00'),
);

const two = fc.integer({ min: 0, max: 62 }).map((n) => String(n).padStart(2, '0'));
const yearText = fc
  .oneof(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 0, max: 9_999_999 }))
  .map((n) => String(n).padStart(4, '0'));
const fractionText = digits(0, 12).map((part) => `.${part}`);
const zoneText = fc.oneof(
  fc.constantFrom(
    '',
    '',
    'Z',
    ' z',
    ' UTC',
    'gmt',
    '+00',
    ' -08',
    '+5',
    '+05:30',
    '-0530',
    '+05:30:15',
    '+053',
    '+16',
    '+15:59:59',
    '+05:60',
    '+',
    ' +',
  ),
);
const timeText = fc.oneof(
  fc.constant(''),
  fc
    .tuple(
      fc.constantFrom('T', ' ', '  ', 't', '', '\t'),
      two,
      fc.constant(':'),
      two,
      fc.oneof(
        fc.constant(''),
        two.map((part) => `:${part}`),
      ),
      fc.oneof(fc.constant(''), fractionText),
      zoneText,
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(
    ' 24:00:00',
    ' 24:00:01',
    ' 23:59:60',
    ' 23:59:60.5',
    ' 1:02',
    ' 12:3',
    ' 12:30:1',
    'T12',
    ' 12:30:00.',
    ' 23:59:59.9999999999',
  ),
);
const eraText = fc.constantFrom('', '', '', ' BC', ' bc', ' AD', 'BC', ' BCE');
const timestampText = around(
  fc.oneof(
    fc
      .tuple(
        yearText,
        fc.constant('-'),
        fc.integer({ min: 0, max: 13 }).map(String),
        fc.constant('-'),
        fc.integer({ min: 0, max: 32 }).map(String),
        timeText,
        eraText,
      )
      .map((parts) => parts.join('')),
    fc.constantFrom(
      '2024-02-29',
      '2023-02-29',
      '1900-02-29',
      '2000-02-29',
      '0004-02-29 BC',
      '0001-02-29 BC',
      '0000-01-01',
      '999-01-01',
      '-2024-01-01',
      '20240229',
      '2024-02',
      '',
      'now',
      '294277-01-09 04:00:54.775807',
      '294277-01-09 04:00:54.775808',
      '290308-12-21 19:59:05.224192 BC',
      '2262-04-11 23:47:16.854775807',
      '1677-09-21 00:12:43.145224192',
    ),
  ),
);

/** What text a function reads where it is not just any. */
const READERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'cast.utf8.bool': boolText,
  'cast.utf8.int32': integerText,
  'cast.utf8.int64': integerText,
  'cast.utf8.float32': floatText,
  'cast.utf8.float64': floatText,
  'cast.utf8.binary': hexText,
  'cast.utf8.date32': timestampText,
  'cast.utf8.timestamp': timestampText,
  'cast.utf8.timestamptz': timestampText,
};

const SPECIAL: Readonly<Record<string, fc.Arbitrary<readonly Value[]>>> = {
  like: fc.tuple(
    fc.string({ unit: fc.constantFrom('a', 'b', 'é', '%'), maxLength: 14 }),
    fc.string({ unit: fc.constantFrom('a', 'b', 'é', '%', '%', '_', '\\'), maxLength: 8 }),
    fc.constantFrom('\\', '\\', '', '!', 'a', 'é', '%', '_', 'ab'),
  ),
  make_date: fc.tuple(
    fc.integer({ min: -5000, max: 10_000 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
  ),
  make_timestamp: fc.tuple(
    fc.oneof(fc.integer({ min: -5000, max: 10_000 }), fc.constantFrom(294_277, -290_308, -290_309)),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
    fc.integer({ min: -1, max: 25 }),
    fc.integer({ min: -1, max: 61 }),
    fc.double({ min: -1, max: 61 }),
  ),
};

/** Generated arguments of a function. */
export function argumentsOf(fn: CatalogueFunction): fc.Arbitrary<readonly Value[]> {
  const special = SPECIAL[fn.id];
  if (special !== undefined) return special;
  const reader = READERS[fn.id];
  if (reader !== undefined) return fc.tuple(fc.oneof({ weight: 9, arbitrary: reader }, text));
  return fc.tuple(...fn.args.map((kind) => ANY[kind]));
}

/** Most combinations of edge cases that `edgesOf` makes. */
const MOST_EDGES = 1500;

/** Combinations of edge cases: all of them, or an even spread where they are too many. */
export function edgesOf(fn: CatalogueFunction): readonly (readonly Value[])[] {
  const lists = fn.args.map((kind) => EDGES[kind]);
  const total = lists.reduce((product, list) => product * list.length, 1);
  const step = total <= MOST_EDGES ? 1 : Math.floor(total / MOST_EDGES) | 1;
  const combinations: Value[][] = [];
  for (let index = 0; index < total; index += step) {
    let rest = index;
    combinations.push(
      lists.map((list) => {
        const value = list[rest % list.length] as Value;
        rest = Math.floor(rest / list.length);
        return value;
      }),
    );
  }
  return combinations;
}

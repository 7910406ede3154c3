/**
 * JSON, and the one way in which values that JSON lacks travel in it: plans, checkpoints and commands hold bigints, bytes and maps.
 * `{"$bigint": "12"}`, `{"$number": "NaN"}` (`Infinity`, `-Infinity`, `-0`), `{"$bytes": "base64"}`, `{"$map": [[key, value]]}`; a plain object with one such key would be misread and is
 * refused when it is written.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const MARKS = ['$bigint', '$number', '$bytes', '$map'];

/** The text of a value made of JSON, bigints, Uint8Arrays and Maps; undefined members are left out. */
export function stringifyValue(value: unknown): string {
  return JSON.stringify(encode(value));
}

/** What `stringifyValue` was given. Throws SyntaxError where the text is no JSON. */
export function parseValue(text: string): unknown {
  return decode(JSON.parse(text));
}

function encode(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  }
  if (value instanceof Map) return { $map: [...value].map(([key, item]) => [encode(key), encode(item)]) };
  if (Array.isArray(value)) return value.map(encode);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (entries.length === 1 && MARKS.includes(entries[0]?.[0] ?? '')) {
    throw new TypeError(`an object with the one key ${entries[0]?.[0]} cannot be written`);
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, encode(item)]));
}

function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined) {
    const [key, item] = only;
    if (key === '$bigint') return BigInt(String(item));
    if (key === '$number') return Number(item);
    if (key === '$bytes') return new Uint8Array(Buffer.from(String(item), 'base64'));
    if (key === '$map') return new Map((item as [unknown, unknown][]).map(([k, v]) => [decode(k), decode(v)]));
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, decode(item)]));
}

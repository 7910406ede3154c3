/**
 * Reads documents of the control plane: checks the members that this version knows and keeps those that it does not, so that a document
 * written by a newer version comes through an older one whole. By hand and not by zod, which would take 20 MB of an idle agent.
 */
import { externalError } from '../../errors.ts';

/** Reads a value or throws `cluster.bad-document` naming its path. */
export type Read<T> = (value: unknown, path: string) => T;

export function refuse(path: string, expected: string): never {
  throw externalError('cluster.bad-document', `${path}: expected ${expected}`, {
    hint: 'it was written by something else, or by a version that is too far from this one',
  });
}

export const text: Read<string> = (value, path) => (typeof value === 'string' ? value : refuse(path, 'text'));

export const flag: Read<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false');

/** A flag that is there only where it is set. */
export const yes: Read<true> = (value, path) => (value === true ? value : refuse(path, 'true'));

export const figure: Read<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : refuse(path, 'a number');

/** A whole number from 0 on. */
export const whole: Read<number> = (value, path) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : refuse(path, 'a whole number');

/** A value as it is. */
export const anything: Read<unknown> = (value) => value;

export function oneOf<T extends string>(...names: readonly T[]): Read<T> {
  return (value, path) => names.find((name) => name === value) ?? refuse(path, `one of ${names.join(', ')}`);
}

/** One of `names`, or `otherwise` where a newer version says something new. */
export function oneOfOr<T extends string>(otherwise: T, ...names: readonly T[]): Read<T> {
  return (value) => names.find((name) => name === value) ?? otherwise;
}

export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, path) => (value === undefined || value === null ? undefined : read(value, path));
}

export function list<T>(read: Read<T>): Read<readonly T[]> {
  return (value, path) =>
    Array.isArray(value) ? value.map((item, index) => read(item, `${path}[${index}]`)) : refuse(path, 'a list');
}

export function record<T>(read: Read<T>): Read<Readonly<Record<string, T>>> {
  return (value, path) =>
    Object.fromEntries(Object.entries(object(value, path)).map(([key, item]) => [key, read(item, `${path}.${key}`)]));
}

/** An object of these members; others are kept as they are. */
export function shape<T extends object>(members: { readonly [K in keyof T]-?: Read<T[K]> }): Read<T> {
  const known = Object.entries(members) as [string, Read<unknown>][];
  return (value, path) => {
    const given = object(value, path);
    const result: Record<string, unknown> = { ...given };
    for (const [name, read] of known) {
      const item = read(given[name], path === '' ? name : `${path}.${name}`);
      if (item === undefined) delete result[name];
      else result[name] = item;
    }
    return result as T;
  };
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(path, 'an object');
  return value as Record<string, unknown>;
}

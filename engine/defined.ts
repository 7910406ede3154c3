/** Objects without their undefined members: an optional member may be absent, but not undefined (`exactOptionalPropertyTypes`). */

type Optional<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];

/** The type `T` where members that may be undefined may be absent instead. */
export type Defined<T> = { [K in Exclude<keyof T, Optional<T>>]: T[K] } & {
  [K in Optional<T>]?: Exclude<T[K], undefined>;
};

/** A copy of `members` without those that are undefined: `{ name, ...defined({ hint }) }`. */
export function defined<const T extends object>(members: T): Defined<T> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(members)) if (value !== undefined) copy[name] = value;
  // Only members whose type allows undefined were left out.
  return copy as Defined<T>;
}

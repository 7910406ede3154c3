/** The nearest right name for a wrong one, as every "did you mean" of the product gives it. */
import { distance } from 'fastest-levenshtein';

/** Words longer than this are not compared: nobody mistypes them, and the comparison is quadratic in their length. */
const LONGEST = 64;
/** Names that are listed in a hint when none is near. */
const MOST_LISTED = 14;

/**
 * The one of `names` that `word` most likely means, or undefined when none is near: at most a third of its letters
 * differ, case aside, or two are swapped. Of equally near names the first wins.
 */
export function suggest(word: string, names: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  if (lower.length === 0 || lower.length > LONGEST) return undefined;
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    if (name.length > LONGEST || name === word) continue;
    const differing = difference(lower, name.toLowerCase());
    const allowed = Math.max(1, Math.floor(Math.max(lower.length, name.length) / 3));
    if (differing < least && differing <= allowed && differing < name.length) {
      best = name;
      least = differing;
    }
  }
  return best;
}

/** Levenshtein's distance, in which two letters swapped are one difference. */
function difference(a: string, b: string): number {
  const changes = distance(a, b);
  if (changes !== 2 || a.length !== b.length) return changes;
  const first = [...a].findIndex((letter, index) => letter !== b[index]);
  const swapped = a.slice(0, first) + (a[first + 1] ?? '') + (a[first] ?? '') + a.slice(first + 2);
  return swapped === b ? 1 : changes;
}

/** The hint that goes with a wrong name: the nearest right one, else all that are possible while they are few. */
export function didYouMean(word: string, names: Iterable<string>): string | undefined {
  const all = [...names];
  const near = suggest(word, all);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (all.length === 0 || all.length > MOST_LISTED) return undefined;
  return `possible here: ${all.join(', ')}`;
}

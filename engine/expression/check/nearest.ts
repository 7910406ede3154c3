/** The right name that someone may have meant. */
import { distance } from 'fastest-levenshtein';

/** The candidate nearest to `name`, if it is near: at most a third of its letters differ, whatever their case. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const word = name.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(word, candidate.toLowerCase());
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best;
}

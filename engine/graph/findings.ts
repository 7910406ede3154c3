/** Gathers the problems of a file, each once: what an earlier stage found wrong at a place is not found wrong again there. */
import type { Place, Problem } from '../errors.ts';
import { MAX_PROBLEMS } from './limits.ts';

export class Findings {
  readonly #problems: Problem[] = [];
  readonly #seen = new Set<string>();
  readonly #earlier = new Set<string>();
  #errors = 0;

  add(problem: Problem): void {
    const where = placeKey(problem.place);
    const identity = `${where}\n${problem.code}\n${problem.message}`;
    if (this.#seen.has(identity)) return;
    if (problem.severity === 'error' && this.#earlier.has(where)) return;
    this.#seen.add(identity);
    this.#problems.push(problem);
    if (problem.severity === 'error') this.#errors += 1;
  }

  addAll(problems: readonly Problem[]): void {
    for (const problem of problems) this.add(problem);
  }

  /** Errors at `place` are consequences of one that has been reported elsewhere. */
  silence(place: Place): void {
    this.#earlier.add(placeKey(place));
  }

  /** From now on errors at places that already have one are consequences, and left out. */
  nextStage(): void {
    for (const problem of this.#problems) {
      if (problem.severity === 'error' && problem.place !== undefined) this.#earlier.add(placeKey(problem.place));
    }
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** In the order of the file, errors and warnings together; at most `MAX_PROBLEMS`, errors first where they are more. */
  sorted(): readonly Problem[] {
    const kept =
      this.#problems.length <= MAX_PROBLEMS
        ? this.#problems
        : [...this.#problems].sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
    return kept.slice(0, MAX_PROBLEMS).sort((a, b) => order(a.place) - order(b.place) || column(a) - column(b));
  }
}

function placeKey(place: Place | undefined): string {
  if (place === undefined) return '';
  return place.line === 0 ? (place.path ?? '') : `${place.line}:${place.column}`;
}

function order(place: Place | undefined): number {
  return place === undefined ? Number.MAX_SAFE_INTEGER : place.line;
}

function column(problem: Problem): number {
  return problem.place?.column ?? 0;
}

/**
 * What can go wrong, as data: every error that leaves CloudSkin is a `CloudskinError` with a stable code, the domain that
 * must act on it, and whether trying again can help. A user's mistake carries `problems`, all that were found at once,
 * each with its place in the user's file.
 */

/** Who can mend it: the person who wrote the graph, something outside (disk, network, peer), or us. */
export type Domain = 'user' | 'external' | 'internal';

/**
 * A place in a text file; `line` and `column` count from 1. `length` is in characters, for underlining. In a graph given as
 * an object `line` and `column` are 0 and `path` alone says where.
 */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length?: number;
  /** The whole source line, without its line end. */
  readonly text?: string;
  /** Where in the graph's structure: `spec.operators.valid.filter`. */
  readonly path?: string;
}

/** One finding about a user's input. `code` is stable and dotted, like `graph.unknown-key`. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  /** What is wrong, as one sentence without a final full stop. */
  readonly message: string;
  readonly place?: Place;
  /** What to do about it, for example the nearest right name. */
  readonly hint?: string;
}

export interface ErrorOptions {
  readonly domain: Domain;
  readonly retry?: boolean;
  readonly hint?: string;
  readonly problems?: readonly Problem[];
  readonly cause?: unknown;
}

/** Control codes and marks that turn the direction of writing; line ends and tabs stay. */
const STEERING = /(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** What data, a peer or a name says in a message must not steer the terminal that shows it. */
export function harmless(text: string): string {
  return text.replace(STEERING, '?');
}

export function harmlessProblem(problem: Problem): Problem {
  const { message, hint } = problem;
  return { ...problem, message: harmless(message), ...(hint === undefined ? {} : { hint: harmless(hint) }) };
}

export class CloudskinError extends Error {
  readonly code: string;
  readonly domain: Domain;
  /** True where the same call may succeed later without a change of input. */
  readonly retry: boolean;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];

  constructor(code: string, message: string, options: ErrorOptions) {
    super(harmless(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CloudskinError';
    this.code = code;
    this.domain = options.domain;
    this.retry = options.retry ?? false;
    this.hint = options.hint === undefined ? undefined : harmless(options.hint);
    this.problems = options.problems?.map(harmlessProblem) ?? [];
  }
}

/** An error that the person who wrote the input must mend; the CLI prints it without a stack and exits with 2. */
export function userError(code: string, message: string, options: Omit<ErrorOptions, 'domain'> = {}): CloudskinError {
  return new CloudskinError(code, message, { ...options, domain: 'user' });
}

/** An error of the world around us: a full disk, a missing permission, a lost peer. The CLI exits with 1. */
export function externalError(
  code: string,
  message: string,
  options: Omit<ErrorOptions, 'domain'> = {},
): CloudskinError {
  return new CloudskinError(code, message, { ...options, domain: 'external' });
}

/** A defect of ours. */
export function internalError(
  code: string,
  message: string,
  options: Omit<ErrorOptions, 'domain'> = {},
): CloudskinError {
  return new CloudskinError(code, message, { ...options, domain: 'internal' });
}

/** The errors of a list of problems, thrown together; does nothing when there is none of severity `error`. */
export function throwProblems(problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const first = errors[0];
  if (first === undefined) return;
  const message = errors.length === 1 ? first.message : `${first.message} (and ${errors.length - 1} more)`;
  throw userError(first.code, message, { problems });
}

/** Exhaustiveness check for switches over unions. */
export function unreachable(value: never): never {
  throw internalError('internal.unreachable', `unexpected value ${JSON.stringify(value)}`);
}

/** What somebody threw, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code that the operating system or a library gave an error (`ENOENT`); '' where it has none. */
export function systemCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

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

export class CloudskinError extends Error {
  readonly code: string;
  readonly domain: Domain;
  /** True where the same call may succeed later without a change of input. */
  readonly retry: boolean;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];

  constructor(code: string, message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CloudskinError';
    this.code = code;
    this.domain = options.domain;
    this.retry = options.retry ?? false;
    this.hint = options.hint;
    this.problems = options.problems ?? [];
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

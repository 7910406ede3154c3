/**
 * Where commands write and what it can show. Standard output carries results, standard error everything said about them; colours
 * and the live line appear on terminals only.
 */

import process from 'node:process';
import { defined } from '../../engine/defined.ts';
import { externalError } from '../../engine/errors.ts';

export interface Terminal {
  /** Resolves when the reader has taken it, so that a slow pipe holds the writer back. */
  out(text: string): Promise<void>;
  err(text: string): void;
  readonly outColor: boolean;
  readonly errColor: boolean;
  /** True where standard error is a terminal that a line can be redrawn on. */
  readonly live: boolean;
  /** Columns. */
  readonly width: number;
  /** Columns of standard output; absent where it is no terminal and COLUMNS says nothing: lines are then as long as they are. */
  readonly outWidth?: number;
  /** Aborted when the reader of standard output went away (`| head`): what is printed from then on goes nowhere. */
  readonly readerGone: AbortSignal;
}

const DEFAULT_WIDTH = 120;

/** NO_COLOR and FORCE_COLOR as usual; otherwise colours where the stream is a terminal. */
function wantsColor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): boolean {
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== '') return false;
  if (environment.FORCE_COLOR !== undefined && environment.FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && environment.TERM !== 'dumb';
}

/** The process's own streams. */
export function processTerminal(): Terminal {
  const gone = new AbortController();
  let failure: Error | undefined;
  const { stdout, stderr, env } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') gone.abort();
    else failure ??= unwritable(error);
  });
  return {
    out: (text) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        if (gone.signal.aborted) return resolve();
        // Called once the text is with the system, or with why it is not; a reader that left is no failure.
        stdout.write(text, (error) => {
          const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
          if (error === null || error === undefined || code === 'EPIPE' || gone.signal.aborted) resolve();
          else reject(unwritable(error));
        });
      }),
    err: (text) => {
      stderr.write(text);
    },
    outColor: wantsColor(stdout, env),
    errColor: wantsColor(stderr, env),
    live: stderr.isTTY === true && env.TERM !== 'dumb',
    width: stdout.columns ?? stderr.columns ?? DEFAULT_WIDTH,
    ...widthOf(stdout, env),
    readerGone: gone.signal,
  };
}

function widthOf(stdout: { columns?: number }, env: NodeJS.ProcessEnv): Pick<Terminal, 'outWidth'> {
  const said = Number(env.COLUMNS ?? '');
  const outWidth = stdout.columns ?? (Number.isInteger(said) && said > 0 ? said : undefined);
  return defined({ outWidth });
}

function unwritable(cause: NodeJS.ErrnoException): Error {
  if (cause.code === 'ENOSPC') {
    return externalError('sink.disk-full', 'no space left to write standard output', { cause });
  }
  return externalError('cli.output-failed', `standard output cannot be written: ${cause.message}`, { cause });
}

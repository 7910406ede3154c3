/**
 * How errors are told: a user's mistakes with their places, everything else in one line with its code, never with a stack. With
 * `--json` the same as one object on standard output.
 */
import { defined } from '../../engine/defined.ts';
import { CloudskinError, messageOf, type Problem } from '../../engine/errors.ts';
import type { Terminal } from './terminal.ts';

export interface ErrorReport {
  readonly code: string;
  readonly domain: string;
  readonly message: string;
  readonly hint?: string;
  readonly problems?: readonly Problem[];
}

export function describeError(error: unknown): ErrorReport {
  if (error instanceof CloudskinError) {
    const { code, domain, message, hint, problems } = error;
    return {
      code,
      domain,
      message,
      ...defined({ hint }),
      ...(problems.length === 0 ? {} : { problems }),
    };
  }
  const message = messageOf(error);
  return { code: 'internal.unexpected', domain: 'internal', message };
}

export async function reportError(error: unknown, terminal: Terminal, json: boolean): Promise<void> {
  const report = describeError(error);
  if (json) {
    await terminal.out(`${JSON.stringify({ error: report })}\n`);
    return;
  }
  if (report.problems !== undefined) {
    const { formatProblems } = await import('../../engine/graph/report.ts');
    terminal.err(`${formatProblems(report.problems, { color: terminal.errColor }).trimEnd()}\n`);
    return;
  }
  const [red, off] = terminal.errColor ? ['\u001b[31m', '\u001b[0m'] : ['', ''];
  terminal.err(`${red}error${off} ${report.code}: ${report.message}\n`);
  if (report.hint !== undefined) terminal.err(`  ${report.hint}\n`);
  if (report.domain === 'internal') {
    terminal.err('  This is a defect of cloudskin; please report it with the graph file and CLOUDSKIN_DEBUG=1.\n');
    if (process.env.CLOUDSKIN_DEBUG === '1' && error instanceof Error) terminal.err(`${error.stack}\n`);
  }
}

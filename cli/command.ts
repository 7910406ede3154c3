/**
 * What every command of the CLI is made of, and how errors and exit statuses come out of them: 0 done, 1 failed, 2 the user's mistake.
 */
import type { Command } from 'commander';
import { CloudskinError, userError } from '../engine/errors.ts';
import type { Terminal } from './output/terminal.ts';

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

export interface Invocation {
  readonly terminal: Terminal;
  readonly version: string;
}

/** A command's file exports one of these; `define` adds options and help, `action` is loaded only when the command runs. */
export interface CommandModule {
  readonly name: string;
  define(program: Command, invocation: Invocation, finish: (status: number) => void): void;
}

/** What `--param name=value` collects. */
export type Parameters = Record<string, string>;

/** A command that takes a graph and parameters for it, as most do. */
export function graphCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .argument('<graph>', 'the graph file, YAML or JSON; - for standard input')
    .option('-p, --param <name=value>', 'a value for a parameter of the graph; may be repeated', collectParameter, {});
}

/** Commander's collector for repeated `--param name=value`; throws a message of ours on anything else. */
function collectParameter(text: string, sofar: Parameters): Parameters {
  const at = text.indexOf('=');
  if (at <= 0) {
    throw new CloudskinError('cli.bad-parameter', `--param ${text}: expected name=value`, {
      domain: 'user',
      hint: 'for example --param input=readings.csv',
    });
  }
  return { ...sofar, [text.slice(0, at)]: text.slice(at + 1) };
}

const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Of any command that has one, before it asks anybody anything. Throws `cli.bad-namespace`. */
export function checkNamespace(command: Command): void {
  const { namespace } = command.opts<{ readonly namespace?: string }>();
  if (namespace === undefined || NAMESPACE.test(namespace)) return;
  throw userError('cli.bad-namespace', `--namespace ${JSON.stringify(namespace)}: not a name of a namespace`, {
    hint: 'a namespace is lower-case letters, digits and hyphens, at most 63, no hyphen at either end',
  });
}

/** The exit status that an error stands for. */
export function statusOf(error: unknown): number {
  return error instanceof CloudskinError && error.domain === 'user' ? EXIT_USAGE : EXIT_FAILED;
}

/** Examples below a command's options, one a line, with what each does. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`).join('\n')}\n`;
}

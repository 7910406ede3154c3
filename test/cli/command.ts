/** Runs the command line as a process of its own, as a user does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { owned } from '../kit/owned.ts';
import { root } from '../tidy/source-files.ts';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard output holds `text`. */
  printed(text: string): Promise<void>;
}

export const cliPath: string = join(root, 'cli/bin.ts');

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The command line's own command; that of the checkout, in this Node, unless given. */
  readonly program?: readonly [command: string, ...args: string[]];
}

export function start(args: readonly string[], options: StartOptions = {}): Running {
  const environment = { ...process.env, NO_COLOR: '1', ...options.env };
  const [command, ...first] = options.program ?? [process.execPath, cliPath];
  const child = owned(
    spawn(command, [...first, ...args], { cwd: options.cwd ?? root, env: environment, stdio: 'pipe' }),
  );
  let stdout = '';
  let stderr = '';
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const one of waiting) if (stdout.includes(one.text)) one.resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      if (stdout.includes(text)) resolve();
      waiting.push({ text, resolve });
      void ended.then(() => reject(new Error(`ended without printing ${text}: ${stdout}${stderr}`)));
    });
  return { child, ended, printed };
}

export function cloudskin(
  args: readonly string[],
  options: StartOptions & { readonly input?: string } = {},
): Promise<Ended> {
  const running = start(args, options);
  running.child.stdin?.end(options.input ?? '');
  return running.ended;
}

export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'cloudskin-cli-'));
}

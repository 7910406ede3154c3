/** The terminal that this process was started on. */
import process from 'node:process';
import type { Tty } from './screen.ts';

export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && process.env.TERM !== 'dumb';
}

export function processTty(): Tty {
  const { stdin, stdout } = process;
  const inputs: ((bytes: string) => void)[] = [];
  const resizes: (() => void)[] = [];
  return {
    write: (text) => {
      stdout.write(text);
    },
    get columns() {
      return stdout.columns ?? 80;
    },
    get rows() {
      return stdout.rows ?? 24;
    },
    raw: (on) => {
      stdin.setRawMode(on);
      if (on) stdin.resume();
      else stdin.pause();
    },
    onInput: (listener) => {
      inputs.push(listener);
      stdin.setEncoding('utf8').on('data', listener);
    },
    onResize: (listener) => {
      resizes.push(listener);
      stdout.on('resize', listener);
    },
    close: () => {
      for (const listener of inputs) stdin.off('data', listener);
      for (const listener of resizes) stdout.off('resize', listener);
    },
  };
}

/** Terminals whose locale does not say UTF-8 get bars of ASCII. */
export function speaksUtf8({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((one) => one !== undefined && one !== '');
  return locale !== undefined && /utf-?8/i.test(locale);
}

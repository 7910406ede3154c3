/** What `cloudskin top` does with the process: signals, the terminal, the connection. */
import process from 'node:process';
import { realPorts } from '../../../engine/ports.ts';
import { mustHaveApp, type NatsOptions, withCluster } from '../../cluster/connect.ts';
import type { Terminal } from '../../output/terminal.ts';
import { watch } from './cluster.ts';
import { ASCII, BLOCKS } from './figures.ts';
import { printFrame, printJson } from './once.ts';
import { isInteractive, processTty, speaksUtf8 } from './process-tty.ts';
import { Top } from './top.ts';

export interface TopFlags extends NatsOptions {
  readonly namespace: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

export async function runTop(name: string | undefined, flags: TopFlags, terminal: Terminal): Promise<void> {
  await withCluster(flags, async ({ client, url }) => {
    if (name !== undefined) await mustHaveApp(client, flags.namespace, name);
    const app = name === undefined ? undefined : { namespace: flags.namespace, app: name };
    const bars = speaksUtf8(process.env) ? BLOCKS : ASCII;
    const options = { ports: realPorts, watched: watch(client, () => realPorts.now()), url: shown(url), app, bars };
    if (flags.json === true)
      return untilSignal((stopped) => printJson({ ...options, terminal }, flags.once === true, stopped));
    if (flags.once === true || !isInteractive()) return printFrame({ ...options, terminal });
    await onTerminal(new Top({ ...options, tty: processTty(), color: terminal.outColor, suspend }));
  });
}

/** Without what a URL may carry besides the place. */
function shown(servers: string): string {
  return servers.replaceAll(/\/\/[^/@,]*@/g, '//');
}

/** As the shell's Ctrl-Z does; `fg` continues it. */
function suspend(): void {
  process.kill(process.pid, 'SIGTSTP');
}

/** Runs `use`, whose signal aborts on Ctrl-C. */
async function untilSignal(use: (stopped: AbortSignal) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await use(abort.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** Whatever ends the process gives the terminal back first. */
async function onTerminal(top: Top): Promise<void> {
  const stop = (): void => top.stop();
  const release = (): void => top.release();
  const back = (): void => top.redraw();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  process.on('exit', release);
  process.on('SIGCONT', back);
  try {
    await top.run();
  } finally {
    for (const signal of signals) process.off(signal, stop);
    process.off('exit', release);
    process.off('SIGCONT', back);
  }
}

/** `top` without a terminal: one frame as text, or a line of JSON a second. */
import { type Ports, pause } from '../../../engine/ports.ts';
import { healthOf } from '../../cluster/health.ts';
import { appJson, overviewJson } from '../../cluster/status-json.ts';
import type { Terminal } from '../../output/terminal.ts';
import type { Watched } from './cluster.ts';
import type { BarStyle } from './figures.ts';
import { frame } from './frame.ts';
import { render } from './line.ts';
import { type Look, type Model, Models } from './model.ts';
import { type AppName, begin } from './state.ts';
import { clockOf } from './top.ts';

export interface OnceOptions {
  readonly terminal: Terminal;
  readonly ports: Ports;
  readonly watched: Watched;
  readonly url: string;
  readonly app: AppName | undefined;
  readonly bars: BarStyle;
}

/** Milliseconds between the two looks that make rates: workers tell their figures every half second. */
const BETWEEN = 1_100;
const EVERY = 1_000;

/** One frame, as long as it has to be. */
export async function printFrame({ terminal, ports, watched, url, app, bars }: OnceOptions): Promise<void> {
  const models = new Models();
  const into = app === undefined ? undefined : `${app.namespace}/${app.app}`;
  models.next(await watched.look(app), into);
  await pause(ports, BETWEEN);
  const model: Model = models.next(await watched.look(app), into);
  const { width } = terminal;
  const options = { width, height: undefined, bars, url, clock: clockOf(ports.now()) };
  const lines = frame(model, begin(app), options).lines.map((line) => render(line, width, terminal.outColor).trimEnd());
  await terminal.out(`${lines.join('\n')}\n`);
}

/** A line of JSON now and, unless `once`, one a second until the reader goes away or `stopped` aborts. */
export async function printJson(
  { terminal, ports, watched, app }: OnceOptions,
  once: boolean,
  stopped: AbortSignal,
): Promise<void> {
  for (;;) {
    await terminal.out(`${JSON.stringify(json(await watched.look(app), app))}\n`);
    if (once || stopped.aborted || terminal.readerGone.aborted) return;
    await Promise.race([pause(ports, EVERY), aborted(stopped), aborted(terminal.readerGone)]);
    if (stopped.aborted || terminal.readerGone.aborted) return;
  }
}

function json({ at, overview, plan }: Look, app: AppName | undefined): object {
  const health = healthOf(overview);
  if (app === undefined) return { at, ...overviewJson(overview, health) };
  const one = health.apps.find(
    ({ app: { document } }) => document.app === app.app && document.namespace === app.namespace,
  );
  return one === undefined
    ? { at, namespace: app.namespace, app: app.app, state: 'absent' }
    : { at, ...appJson(one, plan) };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

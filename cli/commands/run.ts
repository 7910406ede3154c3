/**
 * `cloudskin run GRAPH`: runs a graph in this process until its sources end or Ctrl-C, which drains: open windows are emitted, sinks flushed and
 * closed, within five seconds. A second Ctrl-C gives up at once and leaves nothing half-written. With `--state` the run takes checkpoints, and Ctrl-C
 * leaves off at one: the next run goes on as if nothing had been.
 */

import { type Command, Option } from 'commander';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { Deployment, Summary } from '../../engine/runtime/run/deployment.ts';
import { type CommandModule, examples, graphCommand, type Invocation, type Parameters } from '../command.ts';
import { METRICS, TRACE_EVERY, TRACES } from '../observe/flags.ts';
import type { ObserveFlags } from '../observe/observing.ts';
import type { RunObserving } from '../observe/run-observing.ts';
import type { Terminal } from '../output/terminal.ts';
import { LiveLine } from '../run/live-line.ts';
import type { LoadedGraph } from '../run/load.ts';
import type { RegionOptions } from '../run/region.ts';
import { summaryText } from '../run/summary.ts';
import { onInterrupt } from '../signals.ts';

interface RunOptions extends ObserveFlags {
  readonly param: Parameters;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly execution: 'compiled' | 'kernels';
  readonly state?: string;
  readonly keyFile?: string;
  readonly fresh?: boolean;
  readonly dropState?: boolean;
}

/** What runs: the plain deployment, or fragments with checkpoints. */
type Run = Pick<Deployment, 'run' | 'stop' | 'abort' | 'metrics'>;

export const run: CommandModule = {
  name: 'run',
  define(program: Command, { terminal, version }: Invocation): void {
    graphCommand(program, 'run')
      .description('run a graph in this process')
      .option('--json', 'print the summary as one JSON object; what console sinks print goes to standard error')
      .option('-q, --quiet', 'no live line and no summary')
      .option('--state <directory>', 'take checkpoints there, and go on from the newest; Ctrl-C leaves off at one')
      .option('--key-file <file>', 'encrypt the checkpoints with its key: 32 bytes, or as hexadecimal digits')
      .option('--fresh', 'forget what is in --state, and what sinks hold back, and begin anew')
      .option('--drop-state', 'the same, but sinks that are not in the graph any more show first what they wrote')
      .option(...METRICS)
      .option(...TRACES)
      .option(...TRACE_EVERY)
      .addOption(
        new Option('--execution <how>', 'Wasm cells, or the slower kernels that they are checked against')
          .choices(['compiled', 'kernels'])
          .default('compiled'),
      )
      .addHelpText(
        'after',
        examples(
          ['cloudskin run graph.yaml', 'run it; Ctrl-C drains and ends'],
          ['cloudskin run graph.yaml -p READINGS=today.csv', 'with another input'],
          ['cloudskin run graph.yaml --state run', 'survive kills: the next run goes on from the last checkpoint'],
          ['cloudskin run graph.yaml --json | jq .metrics', 'figures for programs'],
        ),
      )
      .action((graph: string, options: RunOptions) => runGraph(graph, options, terminal, version));
  },
};

async function runGraph(graph: string, options: RunOptions, terminal: Terminal, version: string): Promise<void> {
  const { loadGraph } = await import('../run/load.ts');
  const json = options.json === true;
  mustHaveState(options);
  const prepared = await loadGraph(graph, options.param, terminal, { warn: options.quiet !== true });
  let line: LiveLine | undefined;
  const say = (text: string): void => {
    line?.clear();
    terminal.err(text);
  };
  const { observeRun } = await import('../observe/run-observing.ts');
  const { namespace, name: app } = prepared.plan.logical;
  const observing = await observeRun(options, { namespace, app }, version, say);
  let restored = false;
  const opening = deploymentOf(
    prepared,
    options,
    {
      ...defined({ traces: observing.traces }),
      execution: options.execution,
      stdout: (text) => {
        line?.clear();
        if (!json) return terminal.out(text);
        terminal.err(text);
      },
      onLog: ({ operator, level, message }) => {
        if (level !== 'trace' && level !== 'debug') say(`${operator} ${level}: ${message}\n`);
      },
      onWarning: (message) => say(`warning: ${message}\n`),
      onRestored: ({ id, completed }) => {
        restored = true;
        const when = new Date(completed).toISOString();
        if (options.quiet !== true) say(`goes on from checkpoint ${id} of ${when}\n`);
      },
      color: terminal.outColor,
      width: terminal.width,
    },
    say,
  );
  const { deployment, release } = await orClose(opening, observing);
  try {
    observing.watch(
      () => deployment.metrics(),
      () => restored,
    );
    if (options.quiet !== true && !json) line = new LiveLine(terminal, () => deployment.metrics());
    const note = options.state === undefined ? 'draining' : 'leaving off at a checkpoint';
    const summary = await runToEnd(deployment, line, terminal, note);
    if (json) await terminal.out(`${JSON.stringify(summary)}\n`);
    else if (options.quiet !== true) terminal.err(summaryText(summary, prepared.directory, terminal.errColor));
  } finally {
    await observing.close();
    release();
  }
}

async function orClose<T>(opening: Promise<T>, observing: Pick<RunObserving, 'close'>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    await observing.close();
    throw error;
  }
}

async function deploymentOf(
  loaded: LoadedGraph,
  { state, keyFile, fresh, dropState }: RunOptions,
  options: Omit<RegionOptions, 'state'>,
  say: (text: string) => void,
): Promise<{ readonly deployment: Run; readonly release: () => void }> {
  const { onWarning: _warning, onRestored: _restored, ...rest } = options;
  const done = (): void => undefined;
  if (state === undefined && !hasPartitions(loaded)) {
    const { deploy } = await import('../run/load.ts');
    return { deployment: await deploy(loaded, rest), release: done };
  }
  const [{ openRunState }, { deployRegion }] = await Promise.all([
    import('../run/run-state.ts'),
    import('../run/region.ts'),
  ]);
  if (state === undefined) return { deployment: deployRegion(loaded, options), release: done };
  const anew = dropState === true ? 'shown' : fresh === true ? 'fresh' : undefined;
  const opened = await openRunState(loaded.plan.graph, { directory: state, keyFile, anew, say });
  return { deployment: deployRegion(loaded, { ...options, state: opened }), release: opened.release };
}

/** Without loading what runs them. */
function hasPartitions({ plan: { logical } }: LoadedGraph): boolean {
  return [...logical.sources, ...logical.operators].some(({ parallelism = 1 }) => parallelism !== 1);
}

function mustHaveState({ state, keyFile, fresh, dropState }: RunOptions): void {
  if (state !== undefined || (keyFile === undefined && fresh !== true && dropState !== true)) return;
  const flag = fresh === true ? '--fresh' : dropState === true ? '--drop-state' : '--key-file';
  throw userError('cli.no-state', `${flag} says something of a state, and there is none`, {
    hint: 'name its directory with --state',
  });
}

async function runToEnd(
  deployment: Run,
  line: LiveLine | undefined,
  terminal: Terminal,
  note: string,
): Promise<Summary> {
  const ask = (): void => {
    line?.clear();
    terminal.err(`${note}; Ctrl-C again to give up\n`);
    deployment.stop();
  };
  const insist = (): void => {
    line?.clear();
    deployment.abort();
  };
  const stop = (): void => deployment.stop();
  const off = onInterrupt(ask, insist);
  terminal.readerGone.addEventListener('abort', stop);
  try {
    line?.start();
    return await deployment.run();
  } finally {
    line?.stop();
    off();
    terminal.readerGone.removeEventListener('abort', stop);
  }
}

/**
 * `cloudskin run GRAPH`: runs a graph in this process until its sources end or Ctrl-C, which drains: open windows are emitted, sinks flushed and
 * closed, within five seconds. A second Ctrl-C gives up at once and leaves nothing half-written.
 */
import process from 'node:process';
import { type Command, Option } from 'commander';
import type { Deployment, Summary } from '../../engine/runtime/deployment.ts';
import { type CommandModule, examples, graphCommand, type Invocation, type Parameters } from '../command.ts';
import { LiveLine } from '../live-line.ts';
import { summaryText } from '../summary.ts';
import type { Terminal } from '../terminal.ts';

interface RunOptions {
  readonly param: Parameters;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly execution: 'compiled' | 'kernels';
}

export const run: CommandModule = {
  name: 'run',
  define(program: Command, { terminal }: Invocation): void {
    graphCommand(program, 'run')
      .description('run a graph in this process')
      .option('--json', 'print the summary as one JSON object; what console sinks print goes to standard error')
      .option('-q, --quiet', 'no live line and no summary')
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
          ['cloudskin run graph.yaml --json | jq .metrics', 'figures for programs'],
        ),
      )
      .action((graph: string, options: RunOptions) => runGraph(graph, options, terminal));
  },
};

async function runGraph(graph: string, options: RunOptions, terminal: Terminal): Promise<void> {
  const { deploy, loadGraph } = await import('../load.ts');
  const json = options.json === true;
  const prepared = await loadGraph(graph, options.param, terminal, { warn: options.quiet !== true });
  let line: LiveLine | undefined;
  const deployment = await deploy(prepared, {
    execution: options.execution,
    stdout: (text) => {
      line?.clear();
      if (!json) return terminal.out(text);
      terminal.err(text);
    },
    onLog: ({ operator, level, message }) => {
      if (level === 'trace' || level === 'debug') return;
      line?.clear();
      terminal.err(`${operator} ${level}: ${message}\n`);
    },
    color: terminal.outColor,
    width: terminal.width,
  });
  if (options.quiet !== true && !json) line = new LiveLine(terminal, () => deployment.metrics());
  const summary = await runToEnd(deployment, line, terminal);
  if (json) await terminal.out(`${JSON.stringify(summary)}\n`);
  else if (options.quiet !== true) terminal.err(summaryText(summary, prepared.directory, terminal.errColor));
}

async function runToEnd(deployment: Deployment, line: LiveLine | undefined, terminal: Terminal): Promise<Summary> {
  let asked = false;
  const interrupt = (): void => {
    line?.clear();
    if (!asked) terminal.err('draining; Ctrl-C again to give up\n');
    asked = true;
    deployment.stop();
  };
  const stop = (): void => deployment.stop();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  terminal.readerGone.addEventListener('abort', stop);
  try {
    line?.start();
    return await deployment.run();
  } finally {
    line?.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    terminal.readerGone.removeEventListener('abort', stop);
  }
}

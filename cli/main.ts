/**
 * The command line: parses arguments, runs one command, turns whatever went wrong into a message and an exit status. Every command is a
 * file in `commands/`; nothing heavier than the argument parser is loaded before one is chosen.
 */
import { Command, CommanderError } from 'commander';
import { type CloudskinError, userError } from '../engine/errors.ts';
import { type CommandModule, checkNamespace, EXIT_USAGE, type Invocation, statusOf } from './command.ts';
import { agent } from './commands/agent.ts';
import { auth } from './commands/auth.ts';
import { checkpoint } from './commands/checkpoint.ts';
import { deploy } from './commands/deploy.ts';
import { doctor } from './commands/doctor.ts';
import { down } from './commands/down.ts';
import { drain } from './commands/drain.ts';
import { events } from './commands/events.ts';
import { explain } from './commands/explain.ts';
import { infer } from './commands/infer.ts';
import { init } from './commands/init.ts';
import { list } from './commands/list.ts';
import { logs } from './commands/logs.ts';
import { move } from './commands/move.ts';
import { pause } from './commands/pause.ts';
import { restore } from './commands/restore.ts';
import { resume } from './commands/resume.ts';
import { run } from './commands/run.ts';
import { scale } from './commands/scale.ts';
import { schema } from './commands/schema.ts';
import { site } from './commands/site.ts';
import { snapshot } from './commands/snapshot.ts';
import { status } from './commands/status.ts';
import { stop } from './commands/stop.ts';
import { task } from './commands/task.ts';
import { test } from './commands/test.ts';
import { top } from './commands/top.ts';
import { undeploy } from './commands/undeploy.ts';
import { up } from './commands/up.ts';
import { validate } from './commands/validate.ts';
import { reportError } from './output/report.ts';
import { processTerminal } from './output/terminal.ts';

const commands: readonly CommandModule[] = [
  run,
  validate,
  explain,
  test,
  init,
  infer,
  schema,
  doctor,
  up,
  down,
  agent,
  auth,
  deploy,
  status,
  top,
  list,
  logs,
  pause,
  resume,
  stop,
  restore,
  task,
  checkpoint,
  snapshot,
  undeploy,
  move,
  scale,
  events,
  drain,
  site,
];

const OVERVIEW = `
A graph file declares sources, operators and sinks; \`cloudskin run\` runs it.

Start here:
  cloudskin init my-first           make a working graph
  cloudskin init --from data.csv    make one for a data file
  cloudskin run my-first/graph.yaml run it

Exit status: 0 done, 1 failed, 2 a mistake in the graph or the command line.
`;

/** Runs the command that `args` (without node and script) name and resolves to the exit status. */
export async function main(args: readonly string[], version: string): Promise<number> {
  const terminal = processTerminal();
  let status = 0;
  const program = programOf({ terminal, version }, (code) => {
    status = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return terminal.readerGone.aborted ? 0 : status;
  } catch (error) {
    const json = args.includes('--json');
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      if (json) await reportError(usageError(error), terminal, json);
      return EXIT_USAGE;
    }
    await reportError(error, terminal, json);
    return statusOf(error);
  }
}

/** What the argument parser refused, and has told on standard error. */
function usageError({ message }: CommanderError): CloudskinError {
  return userError('cli.usage', message.replace(/^error: /, ''), {
    hint: 'cloudskin COMMAND --help shows what there is',
  });
}

function programOf(invocation: Invocation, finish: (status: number) => void): Command {
  const { terminal, version } = invocation;
  const program = new Command('cloudskin')
    .description('Dataflow stream processing from edge to cloud: graph files of Wasm operators over Arrow batches.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', OVERVIEW)
    .showSuggestionAfterError(true)
    .showHelpAfterError('(--help shows what there is)')
    .configureOutput({
      writeOut: (text) => void terminal.out(text),
      writeErr: (text) => terminal.err(text),
    })
    .exitOverride()
    .hook('preAction', (_, command) => checkNamespace(command));
  for (const command of commands) command.define(program, invocation, finish);
  return program;
}

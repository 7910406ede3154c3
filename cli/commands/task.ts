/** `cloudskin task serve|deploy|call|bench`: operators of a graph, called with rows over NATS. */
import type { Command } from 'commander';
import { userError } from '../../engine/errors.ts';
import { appCommand, clusterCommand } from '../cluster/connect.ts';
import { type CommandModule, examples, graphCommand, type Invocation } from '../command.ts';
import type { BenchFlags } from '../task/bench.ts';
import type { CallFlags } from '../task/call.ts';
import type { ServeFlags } from '../task/serve.ts';

export const task: CommandModule = {
  name: 'task',
  define(program: Command, invocation: Invocation, finish: (status: number) => void): void {
    const group = program
      .command('task')
      .description('call operators of a graph with rows, request and answer: serve, call, bench');
    defineServe(group, invocation, finish);
    defineDeploy(group);
    defineCall(group, invocation);
    defineBench(group, invocation);
  },
};

function defineServe(group: Command, { terminal, version }: Invocation, finish: (status: number) => void): void {
  clusterCommand(graphCommand(group, 'serve'))
    .description(
      'serve operators of a graph as a NATS micro-service, until stopped; who serves one task shares its calls. Sources and sinks of the graph are not opened',
    )
    .option('--operator <name>', 'whose rows are the answer; the one that no other reads, unless given')
    .option('--name <name>', "of the task; the graph's unless given")
    .option('--workers <n>', 'threads that run calls; one less than there are cores unless given, 0: this one')
    .option('--queue <n>', 'calls that may wait; 256 unless given, more are answered task.overloaded at once')
    .option('--deadline <duration>', 'that a call may take, the waiting included, unless it says so; 10s unless given')
    .option('--memory <size>', 'that each cell of a call, and its result, may take; 64MiB unless given')
    .addHelpText(
      'after',
      examples(
        ['cloudskin task serve graph.yaml', 'the last operator of a graph'],
        ['cloudskin task serve graph.yaml --operator score --name scoring', 'another one, by a name of its own'],
        ['nats micro info default_scoring', 'any NATS client sees and calls it: cs.default.task.scoring'],
      ),
    )
    .action(async (graph: string, flags: ServeFlags) => {
      const { serve } = await import('../task/serve.ts');
      finish(await serve(graph, flags, terminal, version));
    });
}

/** Says what there is instead: who looks for a way to leave a task with the agents finds it. */
function defineDeploy(group: Command): void {
  clusterCommand(graphCommand(group, 'deploy'))
    .description('agents do not host tasks yet: says so; `task serve` serves one from a process of its own')
    .addHelpText('after', examples(['cloudskin task serve graph.yaml', 'what there is instead']))
    .action((graph: string) => {
      throw userError('task.not-hosted', 'agents do not host tasks yet', {
        hint: `cloudskin task serve ${graph} serves it from a process of its own; several share its calls`,
      });
    });
}

function withInput(command: Command): Command {
  return command
    .argument('<name>', 'the task')
    .requiredOption('--input <file>', 'the rows: JSON, NDJSON or an Arrow stream; - for standard input')
    .option('--deadline <duration>', 'that a call may take, the waiting included', '10s');
}

function defineCall(group: Command, { terminal }: Invocation): void {
  withInput(appCommand(group, 'call'))
    .description('call a task with rows and print what it answers, an object a line')
    .option('--json', 'print one array')
    .option('--arrow', 'write an Arrow stream')
    .addHelpText(
      'after',
      examples(
        ['cloudskin task call scoring --input rows.json', 'rows of a file'],
        [`echo '{"x": 1}' | cloudskin task call scoring --input -`, 'one row'],
        ['cloudskin task call scoring --input rows.arrows --arrow > out.arrows', 'Arrow in and out'],
      ),
    )
    .action(async (name: string, flags: CallFlags) => {
      const { call } = await import('../task/call.ts');
      await call(name, flags, terminal);
    });
}

function defineBench(group: Command, { terminal }: Invocation): void {
  withInput(appCommand(group, 'bench'))
    .description('call a task at a steady rate, whether or not it keeps up, and print how long answers take')
    .option('--rate <n>', 'calls a second', '100')
    .option('--duration <duration>', 'for how long', '10s')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(['cloudskin task bench scoring --input rows.json --rate 500 --duration 30s', 'half a minute']),
    )
    .action(async (name: string, flags: BenchFlags) => {
      const { bench } = await import('../task/bench.ts');
      await bench(name, flags, terminal);
    });
}

/** `cloudskin task serve|deploy|list|undeploy|call|bench`: operators of a graph, called with rows over NATS. */
import { type Command, Option } from 'commander';
import { collectLabel } from '../cluster/agent/agent-options.ts';
import { appCommand, clusterCommand } from '../cluster/connect.ts';
import { type CommandModule, examples, graphCommand, type Invocation } from '../command.ts';
import { METRICS } from '../observe/flags.ts';
import type { BenchFlags } from '../task/bench.ts';
import type { CallFlags } from '../task/call.ts';
import type { DeployFlags } from '../task/deploy.ts';
import type { ListFlags, UndeployFlags } from '../task/list.ts';
import type { ServeFlags } from '../task/serve.ts';

export const task: CommandModule = {
  name: 'task',
  define(program: Command, invocation: Invocation, finish: (status: number) => void): void {
    const group = program
      .command('task')
      .description(
        'call operators of a graph with rows, request and answer: serve, deploy, list, undeploy, call, bench',
      );
    defineServe(group, invocation, finish);
    defineDeploy(group, invocation);
    defineList(group, invocation);
    defineUndeploy(group, invocation);
    defineCall(group, invocation);
    defineBench(group, invocation);
  },
};

/** Of whoever serves a task, a process of its own or an agent. */
function servingOptions(command: Command, workers: string): Command {
  return command
    .option('--operator <name>', 'whose rows are the answer; the one that no other reads, unless given')
    .option('--name <name>', "of the task; the graph's unless given")
    .option('--workers <n>', workers)
    .option('--queue <n>', 'calls that may wait; 256 unless given, more are answered task.overloaded at once')
    .option('--deadline <duration>', 'that a call may take, the waiting included, unless it says so; 10s unless given')
    .option('--memory <size>', 'that each cell of a call, and its result, may take; 64MiB unless given');
}

function defineServe(group: Command, { terminal, version }: Invocation, finish: (status: number) => void): void {
  servingOptions(
    clusterCommand(graphCommand(group, 'serve')),
    'threads that run calls; one less than there are cores unless given, 0: this one',
  )
    .description(
      'serve operators of a graph as a NATS micro-service, until stopped; who serves one task shares its calls. Sources and sinks of the graph are not opened',
    )
    .option(...METRICS)
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

function defineDeploy(group: Command, { terminal }: Invocation): void {
  servingOptions(
    clusterCommand(graphCommand(group, 'deploy')),
    "threads of an agent that run this task's calls; 1 unless given",
  )
    .description('have agents serve operators of a graph; again, to change it, while calls go on being answered')
    .option('-n, --namespace <name>', "the namespace to serve it in; the graph's own unless given")
    .option('--site <name>', 'only agents of this site')
    .addOption(new Option('--tier <tier>', 'only agents of this tier').choices(['edge', 'cloud']))
    .option('--label <label>', 'only agents that have this label; repeated: all of them', collectLabel, [])
    .option('--replicas <n>', 'so many agents of each site, others where those are lost; all unless given')
    .option('--sign <file>', 'sign it by the nkey in this file, for agents that trust only signed plans')
    .option('--timeout <duration>', 'how long to wait until it is served', '60s')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(
        ['cloudskin task deploy graph.yaml', 'every agent serves it, in one queue group'],
        ['cloudskin task deploy graph.yaml --operator score --name scoring --tier edge', 'those at the edge'],
        ['cloudskin task deploy graph.yaml --site plant --replicas 2 --queue 64', 'two of a site, 64 calls waiting'],
      ),
    )
    .action(async (graph: string, flags: DeployFlags) => {
      const { deployTask } = await import('../task/deploy.ts');
      await deployTask(graph, flags, terminal);
    });
}

function defineList(group: Command, { terminal }: Invocation): void {
  clusterCommand(group.command('list'))
    .description('list the tasks that agents serve, and how they do at each')
    .option('-n, --namespace <name>', 'only of this namespace')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples(['cloudskin task list', 'calls, refusals, times of each agent']))
    .action(async (flags: ListFlags) => {
      const { listTasks } = await import('../task/list.ts');
      await listTasks(flags, terminal);
    });
}

function defineUndeploy(group: Command, { terminal }: Invocation): void {
  appCommand(group, 'undeploy')
    .description('have agents serve a task no more; the calls that they have taken are answered')
    .argument('<name>', 'the task')
    .option('--timeout <duration>', 'how long to wait until all have let go', '15s')
    .addHelpText('after', examples(['cloudskin task undeploy scoring', 'returns when nobody serves it']))
    .action(async (name: string, flags: UndeployFlags) => {
      const { undeployTask } = await import('../task/list.ts');
      await undeployTask(name, flags, terminal);
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

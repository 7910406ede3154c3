/** `cloudskin auth init|graph|task|revoke`: who may do what in a continuum. */
import type { Command } from 'commander';
import type { GraphFlags, RevokeFlags } from '../auth/graph.ts';
import type { InitFlags } from '../auth/init.ts';
import type { TaskFlags } from '../auth/task.ts';
import { type CommandModule, examples, graphCommand, type Invocation } from '../command.ts';
import type { Terminal } from '../output/terminal.ts';

export const auth: CommandModule = {
  name: 'auth',
  define(program: Command, { terminal }: Invocation): void {
    const group = program
      .command('auth')
      .description('make credentials, permissions and TLS of a continuum: init, graph, task, revoke');
    init(group, terminal);
    graph(group, terminal);
    task(group, terminal);
    group
      .command('revoke')
      .description('refuse the credentials of a user that were issued so far')
      .argument('<user>', 'as its file in creds is called: agent-plant, admin')
      .requiredOption('--dir <dir>', 'what auth init made')
      .option('--renew', 'issue new ones in their place')
      .action(async (user: string, flags: RevokeFlags) => {
        const { revokeUser } = await import('../auth/graph.ts');
        await revokeUser(user, flags, terminal);
      });
  },
};

function init(group: Command, terminal: Terminal): void {
  group
    .command('init')
    .description('make an operator, accounts, users and servers for sites')
    .requiredOption('--out <dir>', 'where to write; nothing is written over')
    .requiredOption('--site <name:tier[:host]>', 'a site, edge or cloud, and its server; repeated', collect, [])
    .option('--hub <host>', 'where the central NATS server is reached', '127.0.0.1')
    .option('--port <n>', 'of the central server; those of edges come after it', '4222')
    .option('--leaf-port <n>', 'where it takes the leaf nodes of edges', '7422')
    .option('--tls', 'with TLS, by certificates that are made here')
    .option('--tls-cert <file>', 'with TLS, by this certificate of all servers')
    .option('--tls-key <file>', 'its key')
    .option('--tls-ca <file>', 'the authority behind it')
    .option('--any-app', 'agents may run whatever is deployed, instead of what auth graph says')
    .option('--app', 'users for each app of their own, besides those of the sites')
    .option('--days <n>', 'how long credentials are good for; for ever unless given')
    .option(
      '--share <subject>',
      'a subject of your own that passes between edges and the centre; repeated',
      collect,
      [],
    )
    .option('--nats-server <path>', 'the nats-server that will read the files, or its version')
    .addHelpText(
      'after',
      examples(
        ['cloudskin auth init --out auth --site hub:cloud --site plant:edge', 'for servers on this machine'],
        [
          'cloudskin auth init --out auth --tls --hub hub.example.com --site a:cloud --site b:edge:10.0.7.2',
          'for others',
        ],
      ),
    )
    .action(async (flags: InitFlags) => {
      const { initAuth } = await import('../auth/init.ts');
      await initAuth(flags, terminal);
    });
}

function graph(group: Command, terminal: Terminal): void {
  graphCommand(group, 'graph')
    .description('permit the sites to run a graph: the subjects that it needs at each, and no others')
    .requiredOption('--dir <dir>', 'what auth init made')
    .option('-n, --namespace <name>', "the namespace to run it in; the graph's own unless given")
    .option('--agents <site=n[:labels]>', 'agents of a site, where there is more than one; repeated', collect, [])
    .option(
      '--movable <site>',
      'a site to which its cells may be moved, as between those that run it; repeated',
      collect,
      [],
    )
    .option('--workers <n>', 'threads of an agent, where parallelism is automatic', '2')
    .option('--remove', 'take back what the graph was permitted')
    .addHelpText('after', examples(['cloudskin auth graph graph.yaml --dir auth --agents plant=2', 'two agents there']))
    .action(async (file: string, flags: GraphFlags) => {
      const { authGraph } = await import('../auth/graph.ts');
      await authGraph(file, flags, terminal);
    });
}

function task(group: Command, terminal: Terminal): void {
  group
    .command('task')
    .description(
      'permit the agents of sites to serve a task, and make credentials for who calls it and does nothing else',
    )
    .argument('<name>', 'the task')
    .requiredOption('--dir <dir>', 'what auth init made')
    .option('-n, --namespace <name>', 'the namespace of the task', 'default')
    .option('--site <name>', 'whose agents may serve it; repeated; those of all sites unless given', collect, [])
    .option('--remove', 'take back what was permitted')
    .addHelpText(
      'after',
      examples(['cloudskin auth task scoring --dir auth --site plant', 'agents of one site serve it']),
    )
    .action(async (name: string, flags: TaskFlags) => {
      const { authTask } = await import('../auth/task.ts');
      await authTask(name, flags, terminal);
    });
}

function collect(text: string, sofar: readonly string[]): readonly string[] {
  return [...sofar, text];
}

/** `cloudskin checkpoint take APP`, and `list|show|verify WHERE`: the checkpoints in a directory, or of an app in the NATS object stores of a cluster. */
import type { Command } from 'commander';
import type { CheckpointFlags, Place } from '../checkpoints/place.ts';
import { type ChangeFlags, changeCommand } from '../cluster/change-command.ts';
import { clusterCommand } from '../cluster/connect.ts';
import { type CommandModule, EXIT_USAGE, examples, type Invocation } from '../command.ts';
import type { Terminal } from '../output/terminal.ts';

const WHERE = 'a directory that holds checkpoints, or the name of an app of a cluster';

export const checkpoint: CommandModule = {
  name: 'checkpoint',
  define(program: Command, { terminal }: Invocation, finish: (status: number) => void): void {
    const group = program
      .command('checkpoint')
      .description('take checkpoints and look at them: take, list, show, verify');
    defineTake(group, terminal);
    withOptions(group.command('list'))
      .description('list the checkpoints there are, and say which cannot be used')
      .addHelpText(
        'after',
        examples(
          ['cloudskin checkpoint list out/checkpoints', 'in a directory'],
          ['cloudskin checkpoint list shop', 'of an app of the cluster that runs'],
        ),
      )
      .action((where: string, flags: CheckpointFlags) =>
        at(where, flags, async (place) => {
          const { listCheckpoints } = await import('../checkpoints/list.ts');
          await listCheckpoints(place, flags, terminal);
        }),
      );
    withOptions(group.command('show'))
      .argument('[id]', 'which one; the newest unless given')
      .description('show what is in a checkpoint: positions of sources, cells, sinks')
      .addHelpText('after', examples(['cloudskin checkpoint show out/checkpoints 12', 'number 12']))
      .action((where: string, id: string | undefined, flags: CheckpointFlags) =>
        at(where, flags, async (place) => {
          const { showCheckpoint } = await import('../checkpoints/show.ts');
          await showCheckpoint(place, id, flags, terminal);
        }),
      );
    withOptions(group.command('verify'))
      .argument('[id]', 'which one; all unless given')
      .description('read checkpoints whole and check every byte; exit status 2 where one cannot be used')
      .addHelpText('after', examples(['cloudskin checkpoint verify out/checkpoints', 'all of them']))
      .action((where: string, id: string | undefined, flags: CheckpointFlags) =>
        at(where, flags, async (place) => {
          const { verifyCheckpoints } = await import('../checkpoints/list.ts');
          if (!(await verifyCheckpoints(place, id, flags, terminal))) finish(EXIT_USAGE);
        }),
      );
  },
};

function defineTake(group: Command, terminal: Terminal): void {
  changeCommand(group, 'take')
    .description('have an app of a cluster take a checkpoint now; returns when it is complete')
    .addHelpText('after', examples(['cloudskin checkpoint take shop', 'before something risky']))
    .action(async (app: string, flags: ChangeFlags) => {
      const [{ changeAndTell }, { checkpointsOf, isTaken }] = await Promise.all([
        import('../cluster/change-and-tell.ts'),
        import('../cluster/change-app.ts'),
      ]);
      await changeAndTell(app, flags, terminal, {
        change: (client, name) => client.checkpoint(name),
        done: isTaken,
        doing: 'asking for a checkpoint of',
        late: 'checkpoint.not-done',
        is: checkpointsOf,
      });
    });
}

function withOptions(command: Command): Command {
  return clusterCommand(command.argument('<where>', WHERE))
    .option('-n, --namespace <name>', 'of the app')
    .option('--region <name>', 'only this region')
    .option('--domain <name>', 'the JetStream domain that holds them; all that the app uses unless given')
    .option('--key-file <file>', 'the key that they are encrypted with')
    .option('--json', 'print one JSON object');
}

async function at(where: string, flags: CheckpointFlags, use: (place: Place) => Promise<void>): Promise<void> {
  const { withPlace } = await import('../checkpoints/place.ts');
  await withPlace(where, flags, use);
}

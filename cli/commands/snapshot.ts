/** `cloudskin snapshot CELL --out FILE`, and `inspect|diff|restore`: the state of one cell as a file. */
import type { Command } from 'commander';
import { clusterCommand } from '../cluster/connect.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';
import type { DiffFlags } from '../snapshot/diff.ts';
import type { FileFlags } from '../snapshot/files.ts';
import type { RestoreFlags } from '../snapshot/restore.ts';
import type { TakeFlags } from '../snapshot/take.ts';

export const snapshot: CommandModule = {
  name: 'snapshot',
  define(program: Command, { terminal }: Invocation): void {
    const group = program
      .command('snapshot')
      .description('the state of one cell as a file: take, inspect, diff, restore');
    whereOptions(group.command('take', { isDefault: true }))
      .argument('<cell>', 'a cell, or one of its operators')
      .description('write a snapshot of a cell, out of the newest checkpoint that is sound (default)')
      .requiredOption('--out <file>', 'the file to write; it must not be there')
      .option('--base <file>', 'a snapshot of the same cell: write the difference of it')
      .option('--now', 'have the app of a cluster take a checkpoint first')
      .addHelpText(
        'after',
        examples(
          [
            'cloudskin snapshot minutes --state state --out minutes.snap',
            'of a run that keeps its state in a directory',
          ],
          ['cloudskin snapshot minutes --app shop --out minutes.snap', 'of an app of the cluster that runs'],
        ),
      )
      .action(async (cell: string, flags: TakeFlags) => {
        const { takeSnapshot } = await import('../snapshot/take.ts');
        await takeSnapshot(cell, flags, terminal);
      });
    fileOptions(group.command('inspect'))
      .argument('<file>', 'a snapshot')
      .description('check every byte of a snapshot and show what it holds')
      .action(async (file: string, flags: FileFlags) => {
        const { inspectSnapshot } = await import('../snapshot/inspect.ts');
        await inspectSnapshot(file, flags, terminal);
      });
    fileOptions(group.command('diff'))
      .argument('<before>', 'a snapshot')
      .argument('<after>', 'another one')
      .option('--limit <n>', 'groups that are shown at most', '20')
      .description('what differs between two snapshots: pages, positions, groups')
      .action(async (before: string, after: string, flags: DiffFlags) => {
        const { diffSnapshots } = await import('../snapshot/diff.ts');
        await diffSnapshots(before, after, flags, terminal);
      });
    whereOptions(fileOptions(group.command('restore'), false))
      .argument('<file>', 'a snapshot')
      .option('--rewind', 'also where what is there has gone on since: what was read since is read again')
      .description('put a snapshot into the directory of a run as its newest checkpoint')
      .addHelpText(
        'after',
        examples(['cloudskin snapshot restore minutes.snap --state state', 'the next run goes on from it']),
      )
      .action(async (file: string, flags: RestoreFlags) => {
        const { restoreSnapshot } = await import('../snapshot/restore.ts');
        await restoreSnapshot(file, flags, terminal);
      });
  },
};

function whereOptions(command: Command): Command {
  return clusterCommand(command)
    .option('--state <directory>', 'of `run --state`, or of an agent')
    .option('--app <name>', 'the app; needed for one of a cluster, and where a directory has several')
    .option('-n, --namespace <name>', 'of the app')
    .option('--key-file <file>', 'the key that checkpoints are encrypted with, and snapshots are sealed with')
    .option('--json', 'print one JSON object');
}

function fileOptions(command: Command, plain = true): Command {
  const common = command.option('--base <file>', 'the snapshot that it is a difference of');
  if (!plain) return common;
  return common
    .option('--key-file <file>', 'the key that it was sealed with')
    .option('--json', 'print one JSON object');
}

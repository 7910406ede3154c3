/** `cloudskin restore APP [--checkpoint N]`: an app goes back to an older checkpoint and on from there. */
import type { Command } from 'commander';
import { userError } from '../../engine/errors.ts';
import { changeCommand } from '../cluster/change-command.ts';
import type { RestoreFlags } from '../cluster/restore.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const restore: CommandModule = {
  name: 'restore',
  define(program: Command, { terminal }: Invocation): void {
    changeCommand(program, 'restore')
      .description('start an app from an older checkpoint; output since then comes again')
      .option('--checkpoint <n>', 'its number, as cloudskin checkpoint list shows it; the newest there is unless given')
      .option('--key-file <file>', 'the key that checkpoints are encrypted with, to check them before anything stops')
      .addHelpText(
        'after',
        examples(
          ['cloudskin restore shop --checkpoint 41', 'as it was then'],
          ['cloudskin restore shop', 'as it was a moment ago'],
        ),
      )
      .action(async (app: string, flags: RestoreFlags & { readonly checkpoint?: string }) => {
        const checkpoint = flags.checkpoint === undefined ? undefined : Number(flags.checkpoint);
        if (checkpoint !== undefined && (!Number.isInteger(checkpoint) || checkpoint < 1)) {
          throw userError('cli.bad-checkpoint', `--checkpoint ${flags.checkpoint}: expected a number from 1 on`);
        }
        const { restoreApp } = await import('../cluster/restore.ts');
        await restoreApp(app, checkpoint, flags, terminal);
      });
  },
};

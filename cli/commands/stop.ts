/** `cloudskin stop APP`: everything of an app stops, and its state is kept. */
import type { Command } from 'commander';
import { type ChangeFlags, changeCommand } from '../cluster/change-command.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const stop: CommandModule = {
  name: 'stop',
  define(program: Command, { terminal }: Invocation): void {
    changeCommand(program, 'stop')
      .description('stop an app after a last checkpoint; resume goes on from there')
      .option('--drain', 'end its sources instead, and let everything flow out, as at the end of input')
      .addHelpText(
        'after',
        examples(
          ['cloudskin stop shop', 'resume goes on where it left off'],
          ['cloudskin stop shop --drain', 'open windows come out'],
        ),
      )
      .action(async (app: string, flags: ChangeFlags & { readonly drain?: boolean }) => {
        const [{ changeAndTell }, { isStopped, wanting }] = await Promise.all([
          import('../cluster/change-and-tell.ts'),
          import('../cluster/change-app.ts'),
        ]);
        const change = wanting('stopped', flags.drain === true, isStopped);
        await changeAndTell(app, flags, terminal, {
          ...change,
          doing: 'stopping',
          late: 'stop.not-done',
          is: 'is stopped',
          mayFail: true,
        });
      });
  },
};

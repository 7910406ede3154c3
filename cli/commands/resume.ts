/** `cloudskin resume APP`: what was paused or stopped, or has failed, goes on. */
import type { Command } from 'commander';
import { type ChangeFlags, changeCommand } from '../cluster/change-command.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const resume: CommandModule = {
  name: 'resume',
  define(program: Command, { terminal }: Invocation): void {
    changeCommand(program, 'resume')
      .description('go on with an app that was paused or stopped, or that has failed')
      .addHelpText('after', examples(['cloudskin resume shop', 'from where it was']))
      .action(async (app: string, flags: ChangeFlags) => {
        const [{ changeAndTell }, { isRunning, wanting }] = await Promise.all([
          import('../cluster/change-and-tell.ts'),
          import('../cluster/change-app.ts'),
        ]);
        const change = wanting('running', false, isRunning);
        await changeAndTell(app, flags, terminal, {
          ...change,
          doing: 'resuming',
          late: 'resume.not-done',
          is: 'runs',
        });
      });
  },
};

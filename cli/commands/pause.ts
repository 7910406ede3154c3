/** `cloudskin pause APP`: its sources hand on nothing more until `resume`. */
import type { Command } from 'commander';
import { type ChangeFlags, changeCommand } from '../cluster/change-command.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const pause: CommandModule = {
  name: 'pause',
  define(program: Command, { terminal }: Invocation): void {
    changeCommand(program, 'pause')
      .description('hold the sources of an app; everything stays open')
      .addHelpText('after', examples(['cloudskin pause shop', 'until cloudskin resume shop']))
      .action(async (app: string, flags: ChangeFlags) => {
        const [{ changeAndTell }, { isPaused, wanting }] = await Promise.all([
          import('../cluster/change-and-tell.ts'),
          import('../cluster/change-app.ts'),
        ]);
        const change = wanting('paused', false, isPaused);
        await changeAndTell(app, flags, terminal, {
          ...change,
          doing: 'pausing',
          late: 'pause.not-done',
          is: 'is paused',
        });
      });
  },
};

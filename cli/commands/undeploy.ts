/** `cloudskin undeploy APP`: an app stops and is forgotten. */
import type { Command } from 'commander';
import { type ChangeFlags, changeCommand } from '../cluster/change-command.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const undeploy: CommandModule = {
  name: 'undeploy',
  define(program: Command, { terminal }: Invocation): void {
    changeCommand(program, 'undeploy')
      .description('end an app, letting everything flow out as at the end of input, and forget it and its state')
      .option(
        '--now',
        'do not wait for what is under way; output that is held back is dropped, and hidden files of it are removed',
      )
      .addHelpText(
        'after',
        examples(
          ['cloudskin undeploy shop', 'what it wrote stays'],
          ['cloudskin undeploy shop -n test', 'of another namespace'],
        ),
      )
      .action(async (app: string, flags: ChangeFlags & { readonly now?: boolean }) => {
        const [{ changeAndTell }, { isStopped, wanting }, { held }] = await Promise.all([
          import('../cluster/change-and-tell.ts'),
          import('../cluster/change-app.ts'),
          import('../cluster/held-back.ts'),
        ]);
        const change = wanting('undeployed', flags.now !== true, isStopped);
        const output = flags.now === true ? { is: 'is gone' } : held();
        await changeAndTell(app, flags, terminal, {
          ...{ ...change, ...output, doing: 'undeploying', late: 'undeploy.not-done', mayFail: true },
          flowsOut: flags.now !== true,
        });
      });
  },
};

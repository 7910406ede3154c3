/** `cloudskin logs [APP]`: what agents say of an app, or of everything. */
import type { Command } from 'commander';
import { appCommand } from '../cluster/connect.ts';
import type { LogsFlags } from '../cluster/logs.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const logs: CommandModule = {
  name: 'logs',
  define(program: Command, { terminal }: Invocation): void {
    appCommand(program, 'logs')
      .description('show what agents have logged of an app, or of everything')
      .argument('[app]', 'an app; everything unless given')
      .option('--fragment <name>', 'only of this fragment')
      .option('-f, --follow', 'go on as more comes, until Ctrl-C')
      .option('--lines <n>', 'how many of the last ones', '100')
      .option('--json', 'print one JSON object a line')
      .addHelpText(
        'after',
        examples(['cloudskin logs shop', 'the last hundred lines'], ['cloudskin logs -f', 'everything, as it comes']),
      )
      .action(async (app: string | undefined, flags: LogsFlags) => {
        const { showLogs } = await import('../cluster/logs.ts');
        await showLogs(app, flags, terminal);
      });
  },
};

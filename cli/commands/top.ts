/** `cloudskin top [APP]`: a live view of sites, apps, fragments and streams. */
import type { Command } from 'commander';
import { appCommand } from '../cluster/connect.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';
import type { TopFlags } from '../observe/top/command.ts';

export const top: CommandModule = {
  name: 'top',
  define(program: Command, { terminal }: Invocation): void {
    appCommand(program, 'top')
      .description(
        'watch sites, apps, fragments and streams: rates, lag, queues, memory, who is busy and who is blocked',
      )
      .argument('[app]', 'an app to look into; all of the cluster unless given')
      .option('--once', 'print one frame; so does output that is no terminal')
      .option('--json', 'print a line of JSON a second')
      .addHelpText(
        'after',
        examples(
          ['cloudskin top', 'arrows and enter look into things, ? shows all keys, q leaves'],
          ['cloudskin top shop', 'one app'],
          ['cloudskin top shop --once', 'for a script or a report'],
          ['cloudskin top --json | jq .apps', 'for programs'],
        ),
      )
      .action(async (app: string | undefined, flags: TopFlags) => {
        const { runTop } = await import('../observe/top/command.ts');
        await runTop(app, flags, terminal);
      });
  },
};

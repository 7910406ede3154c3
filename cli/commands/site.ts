/** `cloudskin site list|forget`: the sites of a cluster, and those that will not come back. */
import type { Command } from 'commander';
import { clusterCommand, type NatsOptions } from '../cluster/connect.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const site: CommandModule = {
  name: 'site',
  define(program: Command, { terminal }: Invocation): void {
    const command = program
      .command('site')
      .description('list the sites, or forget one that will not come back')
      .addHelpText(
        'after',
        examples(
          ['cloudskin site list', 'sites, their agents, what was said of them'],
          ['cloudskin site forget plant-7', 'what it ran may run elsewhere, from the last checkpoint'],
        ),
      );
    clusterCommand(command.command('list'))
      .description('list the sites')
      .option('--json', 'print one JSON object')
      .action(async (flags: NatsOptions & { readonly json?: boolean }) => {
        const { listSites } = await import('../cluster/sites.ts');
        await listSites(flags, terminal);
      });
    clusterCommand(command.command('forget'))
      .description(
        'give up a site that cannot be reached: what it ran may run elsewhere; when it is back it begins empty',
      )
      .argument('<site>', 'the site')
      .option('--json', 'print one JSON object')
      .action(async (name: string, flags: NatsOptions & { readonly json?: boolean }) => {
        const { forgetSite } = await import('../cluster/sites.ts');
        await forgetSite(name, flags, terminal);
      });
  },
};

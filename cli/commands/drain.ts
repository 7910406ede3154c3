/** `cloudskin drain SITE`: what can leave a site does. */
import type { Command } from 'commander';
import { clusterCommand } from '../cluster/connect.ts';
import type { DrainFlags } from '../cluster/sites.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const drain: CommandModule = {
  name: 'drain',
  define(program: Command, { terminal }: Invocation, finish: (status: number) => void): void {
    clusterCommand(program.command('drain'))
      .description('move away from a site what can move, and place nothing new there')
      .argument('<site>', 'the site')
      .option('--undo', 'let the site take part again')
      .option('--within <duration>', 'how long to wait for what moves', '30s')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin drain plant-7 --within 60s', 'names what must stay, and why; exit status 1 unless all has left'],
          [
            'cloudskin drain plant-7 --json',
            '{"site", "state": "empty" | "left" | "late", "left": [...], "waits": [...]}',
          ],
          ['cloudskin drain plant-7 --undo', 'as before'],
        ),
      )
      .action(async (site: string, flags: DrainFlags) => {
        const { drainSite } = await import('../cluster/sites.ts');
        finish(await drainSite(site, flags, terminal));
      });
  },
};

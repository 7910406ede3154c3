/** `cloudskin move CELL --to SITE[/AGENT]`: a cell goes on at another place, with its state, and no row is lost. */
import type { Command } from 'commander';
import type { MoveFlags } from '../cluster/move.ts';
import { moveCommand } from '../cluster/move-command.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const move: CommandModule = {
  name: 'move',
  define(program: Command, { terminal }: Invocation): void {
    moveCommand(program, 'move')
      .description('move a cell, or one operator, to another site or agent while rows flow, with its state')
      .argument('<cell>', "an operator's name, or a cell's as status shows it: all of its operators")
      .requiredOption('--to <place>', 'a site, or SITE/AGENT')
      .addHelpText(
        'after',
        examples(
          ['cloudskin move minutes --to hub', 'prints what it came to: pause, bytes, rows lost (0)'],
          ['cloudskin move minutes --to hub --dry-run', 'says what it would come to, and what stands in the way'],
          ['cloudskin move valid+minutes --to plant-7/b --pause-budget 20ms', 'a whole cell, to one agent'],
        ),
      )
      .action(async (cell: string, { to, ...flags }: MoveFlags & { readonly to: string }) => {
        const { moveCell } = await import('../cluster/move.ts');
        await moveCell(cell, to, flags, terminal);
      });
  },
};

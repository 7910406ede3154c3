/** `cloudskin scale CELL --partitions N`: the keys of an operator are dealt to more partitions, or fewer, with their state. */
import type { Command } from 'commander';
import { userError } from '../../engine/errors.ts';
import type { MoveFlags } from '../cluster/move.ts';
import { moveCommand } from '../cluster/move-command.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const scale: CommandModule = {
  name: 'scale',
  define(program: Command, { terminal }: Invocation): void {
    moveCommand(program, 'scale')
      .description('deal the keys of an operator to another number of partitions, with their state')
      .argument('<cell>', 'an operator with groupBy, or a join by equal keys')
      .requiredOption('--partitions <n>', 'from 1 to 128; they are dealt to the workers of the sites where it runs')
      .addHelpText(
        'after',
        examples(
          ['cloudskin scale minutes --partitions 4', 'on the workers of its site'],
          ['cloudskin scale minutes --partitions 1', 'in one place again'],
        ),
      )
      .action(async (cell: string, { partitions, ...flags }: MoveFlags & { readonly partitions: string }) => {
        const { scaleCell } = await import('../cluster/move.ts');
        if (!/^\d{1,4}$/.test(partitions)) {
          throw userError('scale.partitions', `--partitions ${partitions}: expected a number from 1 to 128`);
        }
        await scaleCell(cell, Number(partitions), flags, terminal);
      });
  },
};

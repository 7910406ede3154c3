/** `cloudskin down`: stops exactly what `up` started. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const down: CommandModule = {
  name: 'down',
  define(program: Command, { terminal }: Invocation): void {
    program
      .command('down')
      .description('stop what `cloudskin up` started, and nothing else')
      .option('--purge', 'forget what was deployed, too: apps, checkpoints, logs')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(['cloudskin down', 'apps go on with the next up'], ['cloudskin down --purge', 'all is gone']),
      )
      .action(async ({ purge, json }: { readonly purge?: boolean; readonly json?: boolean }) => {
        const [{ stopContinuum }, { home, readUpState }, { Progress }] = await Promise.all([
          import('../cluster/up/up.ts'),
          import('../cluster/up/home.ts'),
          import('../output/progress.ts'),
        ]);
        const state = readUpState();
        const progress = new Progress(terminal, json);
        const ended = state === undefined ? 0 : await stopContinuum(state, progress);
        progress.end();
        if (purge === true) rmSync(join(home(), 'up'), { recursive: true, force: true });
        if (json === true) {
          const told = { state: 'down', stopped: ended, purged: purge === true };
          return terminal.out(`${JSON.stringify(told)}\n`);
        }
        const what =
          ended === 0
            ? 'nothing of `cloudskin up` was running'
            : `stopped ${ended} ${ended === 1 ? 'process' : 'processes'}`;
        await terminal.out(`${what}\n`);
      });
  },
};

/** `cloudskin events APP`: the moves of an app's cells, phase by phase, as they come. */
import type { Command } from 'commander';
import { appCommand, type NatsOptions } from '../cluster/connect.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

interface EventsFlags extends NatsOptions {
  readonly namespace: string;
  readonly json?: boolean;
}

export const events: CommandModule = {
  name: 'events',
  define(program: Command, { terminal }: Invocation): void {
    appCommand(program, 'events')
      .description("follow the moves of an app's cells, phase by phase, until Ctrl-C")
      .argument('<app>', 'the app')
      .option('--json', 'print one JSON object a line')
      .addHelpText('after', examples(['cloudskin events shop', 'asked, prepare, commit, cut, switch, done']))
      .action(async (app: string, { namespace, json, ...flags }: EventsFlags) => {
        const { followEvents } = await import('../cluster/events.ts');
        await followEvents({ namespace, app }, flags, json === true, terminal);
      });
  },
};

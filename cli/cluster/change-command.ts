/** The options of commands that change an app. */
import type { Command } from 'commander';
import { appCommand, type NatsOptions } from './connect.ts';

export interface ChangeFlags extends NatsOptions {
  readonly namespace: string;
  readonly timeout: string;
  readonly json?: boolean;
}

export function changeCommand(program: Command, name: string): Command {
  return appCommand(program, name)
    .argument('<app>', 'the app')
    .option('--timeout <duration>', 'how long to wait', '60s')
    .option('--json', 'print one JSON object');
}

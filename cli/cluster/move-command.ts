/** The options of commands that change where cells run. */
import type { Command } from 'commander';
import { clusterCommand } from './connect.ts';

export function moveCommand(program: Command, name: string): Command {
  return clusterCommand(program.command(name))
    .option('--app <app>', 'whose cell it is, where several apps have one of that name')
    .option('-n, --namespace <name>', 'the namespace of the app')
    .option('--pause-budget <duration>', 'how long rows may be held up; state is copied ahead until it can be kept')
    .option('--dry-run', 'say what it would come to, and change nothing')
    .option('--timeout <duration>', 'how long to wait', '60s')
    .option('--json', 'print one JSON object');
}

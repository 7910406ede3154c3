/** Changes an app, and tells what came of it: a line for people, or with `--json` one object that is the same for every such command. */
import { defined } from '../../engine/defined.ts';
import type { Terminal } from '../output/terminal.ts';
import { type Change, changeApp } from './change-app.ts';
import type { ChangeFlags } from './change-command.ts';
import { type AppOverview, stateOf } from './overview.ts';

export async function changeAndTell(
  app: string,
  flags: ChangeFlags,
  terminal: Terminal,
  change: Change,
): Promise<void> {
  if (flags.json !== true) return changeApp(app, flags, terminal, change);
  let overview: AppOverview | undefined;
  const silent: Terminal = { ...terminal, live: false, out: () => Promise.resolve(), err: () => undefined };
  const is = (now: AppOverview): string => {
    overview = now;
    return '';
  };
  await changeApp(app, flags, silent, { ...change, is });
  if (overview !== undefined) await terminal.out(`${JSON.stringify(changedJson(overview))}\n`);
}

/** Times in milliseconds since the epoch. */
function changedJson(overview: AppOverview): object {
  const { document, assignment, regions } = overview;
  const { app, namespace, revision, wanted } = document;
  return {
    app,
    namespace,
    revision,
    wanted,
    state: wanted === 'undeployed' ? 'undeployed' : stateOf(overview),
    regions: Object.keys(assignment?.regions ?? {}).map((name) => {
      const found = regions.find(({ region }) => region === name);
      const { phase = 'unreachable', checkpoint = 0, completed } = found ?? {};
      return { region: name, phase, checkpoint, ...defined({ completed }) };
    }),
  };
}

/** `cloudskin status [APP]`: sites and agents, or one app's cells, streams and lag. */
import type { Command } from 'commander';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import { appTitle } from '../cluster/app-words.ts';
import { appCommand, type NatsOptions } from '../cluster/connect.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';
import type { Terminal } from '../output/terminal.ts';

interface StatusFlags extends NatsOptions {
  readonly namespace: string;
  readonly json?: boolean;
}

export const status: CommandModule = {
  name: 'status',
  define(program: Command, { terminal }: Invocation): void {
    appCommand(program, 'status')
      .description('show the sites and agents there are, or the cells, streams and lag of one app')
      .argument('[app]', 'an app; all of the cluster unless given')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin status', 'sites, agents, apps'],
          ['cloudskin status shop', 'where its cells run, how its streams are carried, how far behind it is'],
          ['cloudskin status shop --json', 'figures for programs'],
        ),
      )
      .action((app: string | undefined, flags: StatusFlags) => showStatus(app, flags, terminal));
  },
};

async function showStatus(app: string | undefined, flags: StatusFlags, terminal: Terminal): Promise<void> {
  const [{ mustHaveApp, withCluster }, { overviewInReach }, { healthOf }] = await Promise.all([
    import('../cluster/connect.ts'),
    import('../cluster/partial-overview.ts'),
    import('../cluster/health.ts'),
  ]);
  await withCluster(flags, async ({ client }) => {
    const overview = await overviewInReach(client);
    const { partial } = overview;
    if (app !== undefined && partial === undefined) await mustHaveApp(client, flags.namespace, app);
    const health = healthOf(overview);
    const one = health.apps.find(
      ({ app: { document } }) => document.app === app && document.namespace === flags.namespace,
    );
    if (app !== undefined && one === undefined) {
      throw userError(
        'cluster.no-app',
        `no agent in reach has anything of ${appTitle({ namespace: flags.namespace, app })}`,
        defined({ hint: partial?.message }),
      );
    }
    const digest = one?.app.assignment?.distributed ?? '';
    const plan = digest === '' ? undefined : await client.distributed(digest);
    if (flags.json === true) {
      const { appJson, overviewJson } = await import('../cluster/status-json.ts');
      return terminal.out(
        `${JSON.stringify(one === undefined ? overviewJson(overview, health) : { ...appJson(one, plan), ...defined({ partial }) })}\n`,
      );
    }
    const { appText, overviewText } = await import('../cluster/status-text.ts');
    const look = { color: terminal.outColor, width: terminal.outWidth };
    await terminal.out(
      one === undefined ? overviewText(overview, health, look) : appText(one, plan, overview.at, look),
    );
  });
}

/** `cloudskin list`: the apps that are deployed. */
import type { Command } from 'commander';
import { clusterCommand, type NatsOptions } from '../cluster/connect.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

interface ListFlags extends NatsOptions {
  readonly namespace?: string;
  readonly json?: boolean;
}

export const list: CommandModule = {
  name: 'list',
  define(program: Command, { terminal }: Invocation): void {
    clusterCommand(program.command('list'))
      .description('list the apps that are deployed, and how they are')
      .option('-n, --namespace <name>', 'only of this namespace')
      .option('--json', 'print one JSON object a line')
      .addHelpText('after', examples(['cloudskin list', 'all namespaces'], ['cloudskin list -n test', 'one of them']))
      .action(async ({ namespace, json, ...flags }: ListFlags) => {
        const [{ withCluster }, { overviewOf }, { healthOf }] = await Promise.all([
          import('../cluster/connect.ts'),
          import('../cluster/overview.ts'),
          import('../cluster/health.ts'),
        ]);
        await withCluster(flags, async ({ client }) => {
          const { apps } = healthOf(await overviewOf(client));
          const shown = apps.filter(({ app }) => namespace === undefined || app.document.namespace === namespace);
          if (json === true) {
            const { appJson } = await import('../cluster/status-json.ts');
            for (const app of shown) await terminal.out(`${JSON.stringify(appJson(app, undefined))}\n`);
          } else if (shown.length === 0) terminal.err('nothing is deployed; cloudskin deploy GRAPH does it\n');
          else {
            const { appsText } = await import('../cluster/status-text.ts');
            await terminal.out(appsText(shown, { color: terminal.outColor, width: terminal.outWidth }));
          }
        });
      });
  },
};

/** `cloudskin schema`: the JSON Schema of graph files, for editors and other programs. */
import type { Command } from 'commander';
import { type CommandModule, examples, type Invocation } from '../command.ts';

export const schema: CommandModule = {
  name: 'schema',
  define(program: Command, { terminal }: Invocation): void {
    program
      .command('schema')
      .description('print the JSON Schema of graph files')
      .addHelpText(
        'after',
        examples(
          ['cloudskin schema > cloudskin.schema.json', 'save it'],
          ['# yaml-language-server: $schema=./cloudskin.schema.json', 'as first line of a graph: editors complete it'],
        ),
      )
      .action(async () => {
        const [{ jsonSchema }, { connectors }] = await Promise.all([
          import('../../engine/graph/index.ts'),
          import('../../connectors/registry.ts'),
        ]);
        await terminal.out(`${JSON.stringify(jsonSchema(connectors), null, 2)}\n`);
      });
  },
};

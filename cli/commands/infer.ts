/** `cloudskin infer FILE`: the source block that reads a data file, its schema guessed from a sample. */
import { type Command, Option } from 'commander';
import { formats } from '../../connectors/formats/formats.ts';
import { inferFile } from '../../connectors/infer.ts';
import { formatType } from '../../engine/batch/types.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';
import { sourceBlock } from '../graph-for-data.ts';

export const infer: CommandModule = {
  name: 'infer',
  define(program: Command, { terminal }: Invocation): void {
    program
      .command('infer')
      .description('print the source block that reads a data file, its schema guessed from a sample')
      .argument('<file>', 'csv, ndjson, json, arrow or parquet, also compressed; a glob or a directory')
      .addOption(
        new Option('--format <format>', 'the format, where the name does not tell').choices(
          formats.map(({ name }) => name),
        ),
      )
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin infer readings.csv', 'to paste under spec.sources'],
          ['cloudskin infer events.log --format ndjson', 'where the extension does not tell'],
        ),
      )
      .action(async (file: string, options: { format?: string; json?: boolean }) => {
        const given = options.format === undefined ? {} : { options: { format: options.format } };
        const inferred = await inferFile(file, given);
        if (options.json !== true) return terminal.out(sourceBlock(inferred, { name: 'data', path: file }));
        const columns = inferred.schema.fields.map((field) => ({
          name: field.name,
          type: formatType(field.type),
          nullable: field.nullable,
          ...(inferred.paths.has(field.name) ? { path: inferred.paths.get(field.name) } : {}),
        }));
        const time = inferred.time === undefined ? {} : { time: inferred.time };
        await terminal.out(`${JSON.stringify({ path: file, options: inferred.options, columns, ...time })}\n`);
      });
  },
};

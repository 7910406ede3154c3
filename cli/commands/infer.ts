/** `cloudskin infer FILE`: the source block that reads a data file, its schema guessed from a sample. */

import { type Command, Option } from 'commander';
import type { FormatName } from '../../connectors/formats/format.ts';
import { formatType } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

/** The names alone: the formats themselves are loaded when one is inferred. */
const FORMATS: readonly FormatName[] = ['csv', 'ndjson', 'json', 'arrow', 'arrow-stream', 'parquet'];

export const infer: CommandModule = {
  name: 'infer',
  define(program: Command, { terminal }: Invocation): void {
    program
      .command('infer')
      .description('print the source block that reads a data file, its schema guessed from a sample')
      .argument('<file>', 'csv, ndjson, json, arrow or parquet, also compressed; a glob or a directory')
      .addOption(new Option('--format <format>', 'the format, where the name does not tell').choices(FORMATS))
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examples(
          ['cloudskin infer readings.csv', 'to paste under spec.sources'],
          ['cloudskin infer events.log --format ndjson', 'where the extension does not tell'],
        ),
      )
      .action(async (file: string, options: { format?: string; json?: boolean }) => {
        const { inferFile } = await import('../../connectors/infer.ts');
        const { sourceBlock } = await import('../run/graph-for-data.ts');
        const given = options.format === undefined ? {} : { options: { format: options.format } };
        const inferred = await inferFile(file, given);
        if (options.json !== true) return terminal.out(sourceBlock(inferred, { name: 'data', path: file }));
        const columns = inferred.schema.fields.map((field) => ({
          name: field.name,
          type: formatType(field.type),
          nullable: field.nullable,
          ...(inferred.paths.has(field.name) ? { path: inferred.paths.get(field.name) } : {}),
        }));
        const time = defined({ time: inferred.time });
        await terminal.out(`${JSON.stringify({ path: file, options: inferred.options, columns, ...time })}\n`);
      });
  },
};

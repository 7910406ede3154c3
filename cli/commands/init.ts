/**
 * `cloudskin init`: a working graph to start from, either a template with its data and tests or one made for a data file.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';
import { type CommandModule, examples, type Invocation } from '../command.ts';

/** Written beside the graph, whose first line names it. */
const SCHEMA_FILE = 'cloudskin.schema.json';
const TEMPLATES = fileURLToPath(new URL('../templates', import.meta.url));

interface InitOptions {
  readonly template: string;
  readonly from?: string;
}

export const init: CommandModule = {
  name: 'init',
  define(program: Command, { terminal }: Invocation): void {
    program
      .command('init')
      .description('make a working graph, from a template or for a data file')
      .argument('[directory]', 'where to put it; made if it is not there')
      .option('-t, --template <name>', `one of: ${templateNames().join(', ')}`, 'machine-health')
      .option('-f, --from <file>', 'a data file: its schema is inferred and a graph written that reads it')
      .addHelpText(
        'after',
        examples(
          ['cloudskin init my-first', 'machines, their temperatures, late readings'],
          ['cloudskin init my-data --from readings.csv', 'a graph that reads readings.csv'],
        ),
      )
      .action(async (directory: string | undefined, options: InitOptions) => {
        const target = resolve(directory ?? '.');
        const graph = options.from === undefined ? fromTemplate(target, options) : await fromData(target, options.from);
        await writeSchema(target);
        const shown = relative(process.cwd(), graph);
        await terminal.out(`wrote ${shown}\nnext: cloudskin run ${shown}\n`);
      });
  },
};

function templateNames(): string[] {
  return readdirSync(TEMPLATES).sort();
}

/** The schema that the graph's first line names, so that editors complete it. */
async function writeSchema(target: string): Promise<void> {
  const { jsonSchema } = await import('../../engine/graph/index.ts');
  const { connectors } = await import('../../connectors/registry.ts');
  writeFileSync(join(target, SCHEMA_FILE), `${JSON.stringify(jsonSchema(connectors), null, 2)}\n`);
}

/** Refuses to overwrite: what is there already is somebody's work. */
function mustBeFree(path: string): string {
  if (!existsSync(path)) return path;
  throw userError('init.exists', `${path} is there already`, { hint: 'name another directory: cloudskin init NAME' });
}

function fromTemplate(target: string, { template }: InitOptions): string {
  const names = templateNames();
  if (!names.includes(template)) {
    const near = suggest(template, names) ?? names.join(', ');
    throw userError('init.unknown-template', `there is no template '${template}'`, { hint: `did you mean ${near}?` });
  }
  const source = join(TEMPLATES, template);
  for (const name of [...readdirSync(source), SCHEMA_FILE]) mustBeFree(join(target, name));
  cpSync(source, target, { recursive: true });
  return join(target, 'graph.yaml');
}

async function fromData(target: string, file: string): Promise<string> {
  const graph = mustBeFree(join(target, 'graph.yaml'));
  mustBeFree(join(target, SCHEMA_FILE));
  const { inferFile } = await import('../../connectors/infer.ts');
  const { graphForData } = await import('../run/graph-for-data.ts');
  const inferred = await inferFile(resolve(file));
  mkdirSync(target, { recursive: true });
  const { measureDisorder } = await import('../run/disorder.ts');
  const disorder = await measureDisorder(resolve(file), inferred);
  const text = graphForData(inferred, { name: nameOf(file), path: relative(target, resolve(file)), disorder });
  writeFileSync(graph, text);
  return graph;
}

/** A DNS label out of a file's name. */
function nameOf(file: string): string {
  const label = basename(file)
    .replace(/\..*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  return /^[a-z]/.test(label) ? label : `data-${label}`.replace(/-$/, '');
}

/**
 * The part of the reference of expressions that the catalogue tells: one table a topic, and where functions differ from PostgreSQL.
 * `node tools/reference.ts` writes it into docs/expressions.md.
 */
import { TOPICS, type Topic } from './catalogue.ts';
import { sqlName } from './check/operators.ts';
import { type CatalogueFunction, VALUE_KINDS } from './define.ts';

const BEGIN = '<!-- begin: written by node tools/reference.ts -->';
const END = '<!-- end -->';

/** The document with what lies between its marks, written anew. */
export function withReference(document: string): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from === -1 || to < from) throw new Error(`the document has no ${BEGIN} before an ${END}`);
  return `${document.slice(0, from)}${BEGIN}\n\n${reference()}\n\n${document.slice(to)}`;
}

function reference(): string {
  const topics = TOPICS.map((topic) => `### ${topic.title}\n\n${table(topic)}`);
  return [...topics, `### Functions that differ from PostgreSQL\n\n${differences()}`].join('\n\n');
}

function table({ functions }: Topic): string {
  const groups = new Map<string, CatalogueFunction[]>();
  for (const entry of functions) {
    // Overloads that differ in types alone share a row, comparisons all six.
    const key = `${entry.name} ${entry.summary}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  const rows = [...groups.values()].map(row);
  return ['| Written | Takes → gives | Meaning | Example | Errors |', '|---|---|---|---|---|', ...rows].join('\n');
}

function row(overloads: readonly CatalogueFunction[]): string {
  const [first] = overloads;
  if (first === undefined) return '';
  const errors = new Set(overloads.flatMap((entry) => entry.errors));
  const cells = [
    [...new Set(overloads.flatMap(spellings))].join(', '),
    signatures(overloads),
    first.summary,
    first.example.split(' → ').map(code).join(' → '),
    [...errors].map(code).join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What the overloads take and give; those that differ in one type alone are said together, with T for it. */
function signatures(overloads: readonly CatalogueFunction[]): string {
  const shapes = new Map<string, string[]>();
  const oneResult = overloads.every(({ result }) => result.kind === overloads[0]?.result.kind);
  for (const { name, args, result } of overloads) {
    const [kind = ''] = args;
    const alike = overloads.length > 1 && name !== 'cast' && args.every((arg) => arg === kind);
    const gives = alike && !oneResult && result.kind === kind ? 'T' : result.kind;
    const shape = `${(alike ? args.map(() => 'T') : args).join(', ')} → ${gives}`;
    shapes.set(shape, [...(shapes.get(shape) ?? []), ...(alike ? [kind] : [])]);
  }
  return [...shapes]
    .map(([shape, kinds]) => (kinds.length === 0 ? shape : `${shape}, T being ${oneOf(kinds)}`))
    .join('<br>');
}

function oneOf(kinds: readonly string[]): string {
  if (kinds.length === VALUE_KINDS.length) return 'any type';
  return kinds.length === 1 ? kinds.join() : `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`;
}

/** How SQL calls it: by name, by operator, or as a special form. */
function spellings({ sql, operator, name, args, result }: CatalogueFunction): string[] {
  const names = sql.map((own) => code(`${own}()`));
  if (operator !== undefined) return [...names, code(args.length === 1 ? `${operator} a` : `a ${operator} b`)];
  if (names.length > 0) return names;
  if (name === 'cast')
    return [
      code(
        `${sqlName(args[0] ?? '')}::${result.kind === 'timestamp' && result.timezone ? 'timestamptz' : sqlName(result.kind)}`,
      ),
    ];
  if (name.startsWith('extract_')) return [code(`extract(${name.slice(8)} from a)`)];
  if (name.startsWith('date_trunc_')) return [code(`date_trunc('${name.slice(11)}', a)`)];
  return [code(name)];
}

function code(text: string): string {
  const fence = text.includes('`') ? '``' : '`';
  return `${fence}${text.replaceAll('|', '\\|')}${fence}`;
}

/** What the entries say of their differences, each said once with the functions that it holds for. */
function differences(): string {
  const said = new Map<string, string[]>();
  for (const entry of TOPICS.flatMap((topic) => topic.functions)) {
    if (entry.difference !== undefined) {
      said.set(entry.difference, [...(said.get(entry.difference) ?? []), ...spellings(entry)]);
    }
  }
  return [...said].map(([difference, names]) => `- ${[...new Set(names)].join(', ')}: ${difference}`).join('\n');
}

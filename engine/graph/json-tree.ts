/** JSON text as a located tree: checked as JSON, then located by the YAML parser, which reads all of JSON. */
import { messageOf } from '../errors.ts';
import { problem } from './issues.ts';
import { SourceText } from './text.ts';
import { type TreeResult, yamlTree } from './yaml-tree.ts';

/** Never throws on any text. */
export function jsonTree(source: SourceText): TreeResult {
  if (source.text.trim() === '') return { problems: [] };
  try {
    JSON.parse(source.text);
  } catch (error) {
    const message = messageOf(error);
    return {
      problems: [problem('graph.syntax', `not JSON: ${sentence(message)}`, source.place(offset(message, source)))],
    };
  }
  // Tabs are no indentation in YAML; in valid JSON they stand between tokens only, so that blanks do as well.
  return yamlTree(new SourceText(source.file, source.text.replaceAll('\t', ' ')));
}

/** V8 says where, except at the end of the text. */
function offset(message: string, source: SourceText): number {
  const at = /at position (\d+)/.exec(message)?.[1];
  return at === undefined ? source.text.trimEnd().length : Number(at);
}

function sentence(message: string): string {
  const text = message.replace(/ in JSON.*$/s, '').replace(/, (\.\.\.)?"[\s\S]*$/s, '');
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

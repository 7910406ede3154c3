/** Sinks that would write what a source of the graph reads, or what another sink writes: data would be lost without a word. */
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import type { Claim } from '../connector.ts';
import type { Build, End } from './context.ts';

const CODE = 'graph.path-conflict';

/** `file`: the graph's, which relative paths count from; the working directory for a graph that is in none. */
export async function checkConflicts(file: string, build: Build): Promise<void> {
  const directory = file.startsWith('<') ? process.cwd() : dirname(resolve(file));
  const sources = build.ends.filter(({ side }) => side === 'source');
  const writers = new Map<string, { readonly sink: End; readonly claim: Claim }>();
  for (const sink of build.ends) {
    const claims = sink.side === 'sink' ? await sink.connector.sink?.claims?.(sink.options, directory) : undefined;
    for (const claim of claims ?? []) {
      const reader = await readerOf(claim, sources, directory);
      const first = writers.get(claim.identity);
      if (reader !== undefined) {
        const message = `sink "${sink.name}" writes ${claim.name}, which source "${reader.name}" reads`;
        report(sink, claim, message, 'write to another path: what the source reads would be replaced', build);
      } else if (first === undefined) {
        writers.set(claim.identity, { sink, claim });
      } else if (claim.sharedAs === undefined || claim.sharedAs !== first.claim.sharedAs) {
        const message = `sinks "${first.sink.name}" and "${sink.name}" both write ${claim.name}`;
        report(sink, claim, message, 'give each a path of its own, or make them one sink with a list in `from`', build);
      }
    }
  }
}

async function readerOf(claim: Claim, sources: readonly End[], directory: string): Promise<End | undefined> {
  for (const source of sources) {
    if (await source.connector.source?.reads?.(source.options, directory, claim)) return source;
  }
  return undefined;
}

function report(sink: End, claim: Claim, message: string, hint: string, build: Build): void {
  build.atValue([...sink.path, claim.option], CODE, message, hint);
}

/**
 * From a graph to its logical plan: parse, ask connectors and components what only they know, check everything. Connectors are
 * handed in, because the engine knows none.
 */

import { dirname } from 'node:path';
import process from 'node:process';
import type { Schema } from '../batch/types.ts';
import { defined } from '../defined.ts';
import { type Problem, throwProblems } from '../errors.ts';
import { buildPlan } from '../graph/build/plan.ts';
import type { Connector, ConnectorContext } from '../graph/connector.ts';
import { type ParsedGraph, parseGraph, parseGraphObject } from '../graph/parse.ts';
import type { LogicalPlan } from '../graph/plan.ts';
import { environmentSecrets, resolveSecrets } from '../graph/secrets.ts';
import { realPorts } from '../ports.ts';
import { readSecret } from './secret-files.ts';

export interface PrepareOptions {
  readonly connectors: readonly Connector[];
  /** Values for `${NAME}` in the graph; they win over the environment. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The process's own unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Streams that the caller reads itself: they count as used. `all`: every main output. */
  readonly reads?: readonly string[] | 'all';
  readonly signal?: AbortSignal;
  readonly now?: () => number;
}

export interface Prepared {
  readonly parsed: ParsedGraph;
  /** Absent when there are errors among the problems. */
  readonly plan?: LogicalPlan;
  /** Every finding, warnings included, in the order of the file. */
  readonly problems: readonly Problem[];
}

/** Checks the text of a graph file. `file` is its path, for messages and for relative paths. */
export function prepareText(text: string | Uint8Array, file: string, options: PrepareOptions): Promise<Prepared> {
  return prepare(parseGraph(text, { file, ...parametersOf(options) }), options);
}

/** Checks a graph given as an object; relative paths count from the working directory. */
export function prepareObject(graph: unknown, options: PrepareOptions): Promise<Prepared> {
  return prepare(parseGraphObject(graph, parametersOf(options)), options);
}

/** The plan, or all errors thrown together. */
export function planOrThrow({ plan, problems }: Prepared): LogicalPlan {
  throwProblems(problems);
  if (plan === undefined) throw new Error('a graph without errors has a plan');
  return plan;
}

function parametersOf({ parameters, environment }: PrepareOptions) {
  return { parameters: parameters ?? {}, environment: environment ?? process.env };
}

async function prepare(parsed: ParsedGraph, options: PrepareOptions): Promise<Prepared> {
  const context = connectorContext(parsed.file, options);
  const secrets = environmentSecrets(options.environment ?? process.env, readSecret);
  const reads =
    options.reads === 'all' ? [...parsed.sources, ...parsed.operators].map(({ name }) => name) : options.reads;
  const { plan, problems } = await buildPlan(parsed, {
    connectors: options.connectors,
    inferSchema: async (_source, connector, given): Promise<Schema> => {
      const schema = await connector.source?.infer?.(resolveSecrets(given, secrets), context);
      if (schema === undefined) throw new Error(`connector ${connector.name} infers no schema`);
      return schema;
    },
    describeComponent: async (component, config, inputs) => {
      const { describeComponent } = await import('../cell/component.ts');
      return await describeComponent(component, config, inputs, context.directory);
    },
    ...defined({ reads }),
  });
  return plan === undefined ? { parsed, problems } : { parsed, plan, problems };
}

function connectorContext(file: string, { signal, now }: PrepareOptions): ConnectorContext {
  return {
    directory: file.startsWith('<') ? process.cwd() : dirname(file),
    signal: signal ?? new AbortController().signal,
    ports: now === undefined ? realPorts : { ...realPorts, now },
  };
}

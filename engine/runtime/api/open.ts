/** Opens a graph for a program: reads and checks it, puts in the sources given in code, and hands out the dataflow. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCell } from '../../cell/open.ts';
import { defined } from '../../defined.ts';
import { externalError, userError } from '../../errors.ts';
import type { Connector } from '../../graph/connector.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { didYouMean } from '../../graph/suggest.ts';
import { type Ports, realPorts } from '../../ports.ts';
import { type PrepareOptions, planOrThrow, prepareObject, prepareText } from '../prepare.ts';
import { codeConnector, type SourceInput } from './code-source.ts';
import { Dataflow } from './dataflow.ts';
import type { GraphObject, OutputsOf } from './graph-types.ts';

export interface OpenOptions {
  /** Values for `${NAME}` in the graph. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Rows for sources, by name: for those whose connector is `code`, and instead of any other. */
  readonly sources?: Readonly<Record<string, SourceInput>>;
  /** Aborting gives the run up, as `abort` does; to drain use `stop`. */
  readonly signal?: AbortSignal;
  /** Connectors of your own, besides those that CloudSkin has. */
  readonly connectors?: readonly Connector[];
  /** How operators run: Wasm, or the kernels that it is checked against. `compiled` unless given. */
  readonly execution?: 'compiled' | 'kernels';
  /** Where relative paths count from; the graph file's directory, or the working directory, unless given. */
  readonly directory?: string;
  /** Where `console` sinks write; standard output unless given. */
  readonly stdout?: (text: string) => void | Promise<void>;
  readonly color?: boolean;
  readonly width?: number;
  /** Bytes that may wait before each sink; 8 MiB unless given. */
  readonly queueBytes?: number;
  /** Bytes that may wait in each output that the program reads; 8 MiB unless given. */
  readonly outputBytes?: number;
  /** Bytes that `orderBy` may read into memory, a source; 512 MiB unless given. */
  readonly orderBytes?: number;
  /** Clock, timers, randomness: for tests and simulations. */
  readonly ports?: Ports;
}

/** What a graph may be given as: the path of its file, a file URL, or the object that the file would hold. */
export type GraphInput = string | URL | GraphObject;

/** `open` of the public API with the connectors handed in. */
export async function openGraph<const G extends GraphInput>(
  graph: G,
  options: OpenOptions,
  connectors: readonly Connector[],
  reads: PrepareOptions['reads'],
): Promise<Dataflow<OutputsOf<G>>> {
  options.signal?.throwIfAborted();
  const all = [...connectors, codeConnector(options.sources ?? {}), ...(options.connectors ?? [])];
  const prepared = await prepareInput(graph, {
    connectors: all,
    parameters: options.parameters ?? {},
    ...defined({ reads, signal: options.signal }),
  });
  const plan = withSources(planOrThrow(prepared), options.sources ?? {});
  const { execution = 'compiled', sources: _given, parameters: _used, ...rest } = options;
  return new Dataflow<OutputsOf<G>>(plan, {
    ...rest,
    connectors: all,
    openCell: (cell) => openCell(cell, { execution, now: () => (rest.ports ?? realPorts).now() }),
  });
}

/** The checked plan of a graph whose rows the program handles itself; sources may be of the connector `code`. */
export async function planGraph(graph: GraphInput, options: PrepareOptions): Promise<LogicalPlan> {
  const connectors = [...options.connectors, codeConnector({})];
  return planOrThrow(await prepareInput(graph, { ...options, connectors }));
}

async function prepareInput(graph: GraphInput, options: PrepareOptions): ReturnType<typeof prepareText> {
  if (typeof graph === 'object' && !(graph instanceof URL)) return prepareObject(graph, options);
  const file = resolve(graph instanceof URL ? fileURLToPath(graph) : graph);
  return prepareText(await readGraph(file), file, options);
}

async function readGraph(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw userError('graph.not-found', `there is no graph file ${file}`, { cause: error });
    throw externalError('graph.unreadable', `the graph file ${file} cannot be read: ${String(error)}`, {
      cause: error,
    });
  }
}

/** Sources given in code take the place of the connector that the graph names for them. */
function withSources(plan: LogicalPlan, given: Readonly<Record<string, SourceInput>>): LogicalPlan {
  const names = plan.sources.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const hint = didYouMean(name, names);
    const options = defined({ hint });
    throw userError('api.unknown-source', `the graph ${plan.name} has no source "${name}"`, options);
  }
  const sources = plan.sources.map((source) => {
    if (!Object.hasOwn(given, source.name) || source.connector === 'code') return source;
    return { ...source, connector: 'code', options: {} };
  });
  return { ...plan, sources };
}

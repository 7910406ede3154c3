/**
 * From a path on the command line to a physical plan, and from a plan to a run. What every command that takes a graph shares.
 */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { connectors } from '../../connectors/registry.ts';
import type { LogEntry } from '../../engine/cell/component.ts';
import type { PhysicalPlan } from '../../engine/compile/cell-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { defined } from '../../engine/defined.ts';
import { type CloudskinError, externalError, userError } from '../../engine/errors.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import type { Deployment, RuntimeOptions } from '../../engine/runtime/run/deployment.ts';
import type { Parameters } from '../command.ts';
import type { Terminal } from '../output/terminal.ts';
import { connectorsSaid } from './listening.ts';

export interface LoadedGraph {
  readonly plan: PhysicalPlan;
  /** Where relative paths count from. */
  readonly directory: string;
}

export interface LoadOptions {
  /** Print warnings to standard error. */
  readonly warn: boolean;
  /** Streams that the command reads itself. */
  readonly reads?: readonly string[];
  /** A change of the plan before operators are fused. */
  readonly adapt?: (plan: LogicalPlan) => LogicalPlan;
}

/** Reads and checks a graph; `-` is standard input. Throws all its problems together. */
export async function loadGraph(
  graph: string,
  parameters: Parameters,
  terminal: Terminal,
  options: LoadOptions,
): Promise<LoadedGraph> {
  const file = graph === '-' ? '<stdin>' : graph;
  const text = graph === '-' ? await readStandardInput() : await readGraphFile(graph);
  const reads = defined({ reads: options.reads });
  const prepared = await prepareText(text, file, { connectors, parameters, ...reads });
  const logical = planOrThrow(prepared);
  if (options.warn) await printWarnings(prepared.problems, terminal);
  mustShareInput(logical, graph === '-');
  const directory = graph === '-' ? process.cwd() : dirname(resolve(graph));
  return { plan: fuse(options.adapt?.(logical) ?? logical), directory };
}

export interface DeployOptions extends Partial<Omit<RuntimeOptions, 'connectors' | 'openCell'>> {
  readonly execution?: 'compiled' | 'kernels';
  /** Takes what component operators say; nobody hears it unless given. */
  readonly onLog?: (entry: LogEntry) => void;
}

/** A deployment that is ready to run; the engine's heavier parts are loaded here and not before. */
export async function deploy({ plan, directory }: LoadedGraph, options: DeployOptions): Promise<Deployment> {
  const [{ Deployment }, { openCell }] = await Promise.all([
    import('../../engine/runtime/run/deployment.ts'),
    import('../../engine/cell/open.ts'),
  ]);
  const { execution = 'compiled', onLog, ...rest } = options;
  return new Deployment(plan, {
    directory,
    ...rest,
    ...(onLog === undefined ? {} : connectorsSaid(onLog)),
    connectors,
    openCell: (cell) => openCell(cell, { execution, directory, ...defined({ onLog }) }),
  });
}

/** Standard input can be read once: by one source, or by none where it holds the graph. */
function mustShareInput({ sources }: LogicalPlan, holdsGraph: boolean): void {
  const readers = sources.filter(({ options }) => (options as { readonly path?: unknown }).path === '-');
  const [reader, other] = readers.map(({ name }) => name);
  if (holdsGraph && reader !== undefined) {
    throw userError('source.stdin-taken', `source ${reader} reads standard input, where the graph came from`, {
      hint: 'put the graph into a file',
    });
  }
  if (other === undefined) return;
  throw userError('source.stdin-taken', `sources ${reader} and ${other} both read standard input, which only one can`, {
    hint: 'read it by one, or give the other a file or a named pipe',
  });
}

async function printWarnings(problems: Awaited<ReturnType<typeof prepareText>>['problems'], terminal: Terminal) {
  const warnings = problems.filter((problem) => problem.severity === 'warning');
  if (warnings.length === 0) return;
  const { formatProblems } = await import('../../engine/graph/report.ts');
  terminal.err(formatProblems(warnings, { color: terminal.errColor }));
}

async function readGraphFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException);
  }
}

function unreadable(path: string, cause: NodeJS.ErrnoException): CloudskinError {
  if (cause.code === 'ENOENT') {
    return userError('graph.not-found', `there is no graph file ${path}`, {
      hint: 'cloudskin init makes one to start from',
      cause,
    });
  }
  if (cause.code === 'EISDIR') {
    return userError('graph.is-directory', `${path} is a directory`, {
      hint: `did you mean ${path}/graph.yaml?`,
      cause,
    });
  }
  return externalError('graph.unreadable', `${path} cannot be read: ${cause.message}`, { cause });
}

async function readStandardInput(): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return Buffer.concat(pieces);
}

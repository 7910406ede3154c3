/** From a parsed graph to its logical plan: names, order, schemas, expressions, time. Every problem of the graph at once. */

import { resolve } from 'node:path';
import { defined } from '../../defined.ts';
import type { Problem } from '../../errors.ts';
import { loadParser } from '../../expression/check.ts';
import type { GraphDocument } from '../document.ts';
import { Findings } from '../findings.ts';
import type { ParsedGraph } from '../parse.ts';
import { type LogicalPlan, PLAN_VERSION } from '../plan.ts';
import { Build, type PlanContext } from './context.ts';
import type { Nodes } from './nodes.ts';
import { Planner } from './planner.ts';

export interface PlanResult {
  /** Present when there are no errors. */
  readonly plan?: LogicalPlan;
  /** Those of parsing too, in the order of the file; warnings included. */
  readonly problems: readonly Problem[];
}

/**
 * Plans what `parseGraph` gave, as far as it could be read. Rejects only where the context does with something else than a
 * user's or the world's error.
 */
export async function buildPlan(parsed: ParsedGraph, context: PlanContext): Promise<PlanResult> {
  const findings = new Findings();
  findings.addAll(parsed.problems);
  findings.nextStage();
  for (const place of parsed.unresolved) findings.silence(place);
  const build = new Build(context, parsed.places, findings, parsed.document?.spec.placement);
  if (parsed.places.root === undefined) return { problems: findings.sorted() };
  await loadParser();
  const planner = new Planner(parsed, build);
  const nodes = await planner.run();
  const problems = findings.sorted();
  if (findings.hasErrors || parsed.document === undefined) return { problems };
  return { plan: toPlan(parsed.document, parsed.file, nodes, problems), problems };
}

function toPlan(document: GraphDocument, file: string, nodes: Nodes, warnings: readonly Problem[]): LogicalPlan {
  const { metadata, spec } = document;
  return {
    planVersion: PLAN_VERSION,
    name: metadata.name,
    namespace: metadata.namespace ?? 'default',
    file: file.startsWith('<') ? file : resolve(file),
    ...nodes,
    warnings,
    ...defined({ placement: spec.placement, objectives: spec.objectives, checkpoint: spec.checkpoint }),
  };
}

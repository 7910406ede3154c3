/** The graph layer: what the runtime, the CLI, connectors and the planner use of it. */
export type { PlanContext } from './build/context.ts';
export { buildPlan, type PlanResult } from './build/plan.ts';
export type {
  Checkpoint,
  ColumnEntry,
  ErrorPolicy,
  ExpressionText,
  From,
  GraphDocument,
  GraphSpec,
  Metadata,
  Objectives,
  OperatorEntry,
  PlacementEntry,
  SinkEntry,
  SourceEntry,
  TimeEntry,
} from './document.ts';
export { jsonSchema } from './json-schema.ts';
export { type Entry, type ParsedGraph, type ParseOptions, parseGraph, parseGraphObject } from './parse.ts';
export { formatProblems, type ReportOptions } from './report.ts';
export { graphSchema } from './schema.ts';
export { environmentSecrets, resolveSecrets, type SecretLookup } from './secrets.ts';
export { didYouMean, suggest } from './suggest.ts';
export {
  durationType,
  formatDuration,
  parseDuration,
  parseSize,
  parseSpeed,
  positiveDurationType,
  rateType,
  sizeType,
  speedType,
} from './units.ts';

/** Outputs that a program reads, as sinks of the plan: so that fusion, back-pressure and counting know of them like of any sink. */
import { z } from 'zod';
import type { Schema } from '../../batch/types.ts';
import { internalError } from '../../errors.ts';
import type { Connector, Sink } from '../../graph/connector.ts';
import { ERRORS_SCHEMA, type LogicalPlan, type SinkNode, type StreamRef } from '../../graph/plan.ts';
import { streamName } from '../stream.ts';

export interface Tap {
  readonly stream: StreamRef;
  readonly sink: Sink;
}

/** A graph cannot name a connector so. */
const CONNECTOR = '<output>';

/** The plan with a sink for each tap. */
export function withTaps(plan: LogicalPlan, taps: readonly Tap[]): LogicalPlan {
  const schemas = streamSchemas(plan);
  const sinks = taps.map(({ stream }, index): SinkNode => {
    const input = schemas.get(streamName(stream));
    if (input === undefined) throw internalError('runtime.no-stream', `nothing yields ${streamName(stream)}`);
    const name = `output ${index + 1}: ${streamName(stream)}`;
    const place = { file: plan.file, line: 0, column: 0 };
    return { name, inputs: [stream], input, connector: CONNECTOR, options: index, place };
  });
  return { ...plan, sinks: [...plan.sinks, ...sinks] };
}

/** Opens the taps' own sinks. */
export function tapConnector(taps: readonly Tap[]): Connector {
  return {
    name: CONNECTOR,
    summary: 'an output that the program reads',
    example: '',
    sink: {
      options: z.unknown(),
      open: async (options) => {
        const tap = taps[Number(options)];
        if (tap === undefined) throw internalError('runtime.no-sink', `there is no output ${options}`);
        return tap.sink;
      },
    },
  };
}

/** The streams that can be read, as `name` or `name.port`. */
export function outputNames(plan: LogicalPlan): string[] {
  return [...streamSchemas(plan).keys()];
}

function streamSchemas(plan: LogicalPlan): Map<string, Schema> {
  const schemas = new Map<string, Schema>();
  for (const source of plan.sources) {
    schemas.set(source.name, source.schema);
    if (source.onError === 'divert') schemas.set(`${source.name}.errors`, ERRORS_SCHEMA);
  }
  for (const { name, outputs } of plan.operators) {
    for (const [port, schema] of outputs) schemas.set(streamName({ node: name, port }), schema);
  }
  return schemas;
}

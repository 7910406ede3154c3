/** Our spans in the shape that exporters of OpenTelemetry take. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Span } from '../../engine/metrics/trace.ts';

type Resource = ReadableSpan['resource'];
type HrTime = ReadableSpan['startTime'];

/** Numbers of OpenTelemetry's enumerations, so that its API need not be loaded for them. */
const KIND = { internal: 0, consumer: 4 } as const;
const UNSET = 0;
const FAILED = 2;
const SAMPLED = 1;

/** What the spans of a process are of. */
export function resourceOf(instance: string, version: string): Resource {
  const attributes = {
    'service.name': 'cloudskin',
    'service.version': version,
    'service.instance.id': instance,
  };
  const resource: Resource = {
    attributes,
    merge: () => resource,
    getRawAttributes: () => Object.entries(attributes),
  };
  return resource;
}

export function readableSpan(span: Span, resource: Resource): ReadableSpan {
  const contextOf = (spanId: string) => ({ traceId: span.trace, spanId, traceFlags: SAMPLED });
  return {
    name: span.name,
    kind: KIND[span.kind],
    spanContext: () => contextOf(span.span),
    ...(span.parent === undefined ? {} : { parentSpanContext: contextOf(span.parent) }),
    startTime: timeOf(span.start),
    endTime: timeOf(span.end),
    duration: timeOf(span.end - span.start),
    ended: true,
    status: span.error === undefined ? { code: UNSET } : { code: FAILED, message: span.error },
    attributes: { ...span.attributes },
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: 'cloudskin' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Of milliseconds: seconds and nanoseconds. */
function timeOf(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1_000);
  return [seconds, Math.min(999_999_999, Math.round((milliseconds - seconds * 1_000) * 1e6))];
}

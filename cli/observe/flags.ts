/** The options of commands that can be scraped and traced: `.option(...METRICS)`. */

type Flag = readonly [flags: string, meaning: string];

export const METRICS: Flag = [
  '--metrics <host:port>',
  'where Prometheus may scrape, at /metrics; loopback where no host is given',
];
export const TRACES: Flag = [
  '--traces <url>',
  'send traces to an OpenTelemetry collector (OTLP/HTTP); OTEL_EXPORTER_OTLP_ENDPOINT',
];
export const TRACE_EVERY: Flag = ['--trace-every <n>', 'follow one source batch in so many; 1000 unless given'];

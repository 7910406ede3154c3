/** Where runs that are killed write to, and how what they wrote is read back: as rows of JSON text, in order of the text. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cloudskin } from '../cli/command.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from '../kit/postgres-server.ts';

export type SinkKind = 'file' | 'jetstream' | 'postgres';

export interface OutputSink {
  /** Of the sink of one round, as YAML. */
  connector(round: string): string;
  rows(round: string): Promise<readonly string[]>;
  /** Kills what it writes to with -9 and starts it again after so many milliseconds; absent where that is done otherwise. */
  readonly crash?: (milliseconds: number) => Promise<void>;
  close(): Promise<void>;
}

const SCHEMA =
  '{ window_start: "timestamp[s]", window_end: "timestamp[s]", series: utf8, rows: int64, mean: float64, lo: float64, hi: float64, last: "timestamp[s]", highs: int64 }';

/** Why a kind of sink cannot be used here; undefined where it can. */
export function sinkMissing(kind: SinkKind): string | undefined {
  return kind === 'postgres' && postgresPrograms() === undefined ? 'PostgreSQL is not installed' : undefined;
}

/** `directory`: what relative paths of the graph count from; `hub`: the URL of the NATS server in the cloud. */
export async function openSink(kind: SinkKind, directory: string, hub: () => string): Promise<OutputSink> {
  if (kind === 'file') return fileSink(directory);
  if (kind === 'jetstream') return jetStreamSink(directory, hub);
  return postgresSink(directory, await startPostgres());
}

function fileSink(directory: string): OutputSink {
  return {
    connector: (round) => `file: { path: ${round}.out.ndjson }`,
    rows: async (round) => linesOf(directory, `${round}.out`),
    close: async () => undefined,
  };
}

function jetStreamSink(directory: string, hub: () => string): OutputSink {
  return {
    connector: (round) =>
      `jetstream: { url: "${hub()}", subject: "out.${round}", create: { stream: OUT_${round} }, format: ndjson }`,
    rows: (round) =>
      copied(directory, round, `jetstream: { url: "${hub()}", stream: OUT_${round}, follow: false, format: ndjson }`),
    close: async () => undefined,
  };
}

function postgresSink(directory: string, server: PostgresServer): OutputSink {
  const url = server.url;
  return {
    connector: (round) => `postgres: { url: "${url}", table: ${tableOf(round)}, create: true }`,
    rows: (round) => copied(directory, round, `postgres: { url: "${url}", table: ${tableOf(round)} }`),
    crash: async (milliseconds) => {
      await server.kill();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      await server.start();
    },
    close: () => server.stop(),
  };
}

function tableOf(round: string): string {
  return round.replaceAll('-', '_');
}

/** Read by a graph of its own, so that all sinks' rows look alike. */
async function copied(directory: string, round: string, source: string): Promise<readonly string[]> {
  const graph = join(directory, `${round}.copy.yaml`);
  writeFileSync(
    graph,
    `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: copy }
spec:
  sources: { there: { ${source}, schema: ${SCHEMA} } }
  sinks: { here: { from: there, file: { path: ${round}.copied.ndjson } } }
`,
  );
  const { status, stderr } = await cloudskin(['run', '-q', graph]);
  if (status !== 0) throw new Error(`what ${round} wrote cannot be read: ${stderr}`);
  return linesOf(directory, `${round}.copied`);
}

/** Of all files that begin so. */
export function linesOf(directory: string, start: string): readonly string[] {
  const names = readdirSync(directory).filter((name) => name.startsWith(start));
  const texts = names.map((name) => readFileSync(join(directory, name), 'utf8').trimEnd());
  return texts.flatMap((text) => (text === '' ? [] : text.split('\n'))).sort();
}

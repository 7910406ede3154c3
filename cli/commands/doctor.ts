/**
 * `cloudskin doctor`: what this machine offers and what is missing, with what each missing thing would be needed for.
 */

import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { defined } from '../../engine/defined.ts';
import { type CommandModule, EXIT_FAILED, examples, type Invocation } from '../command.ts';
import { dataDirectories } from '../doctor/data-directories.ts';
import { type Finding, installedServer, runningServer } from '../doctor/nats.ts';
import { paint } from '../output/paint.ts';

/** Modules of a few bytes, each valid only where the engine has the feature (binary format, WebAssembly specification). */
const FEATURES: readonly { readonly name: string; readonly bytes: readonly number[] }[] = [
  // (func (result v128) i32.const 0 i8x16.splat)
  { name: 'Wasm SIMD', bytes: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11] },
  // two memories
  { name: 'Wasm multi-memory', bytes: [5, 5, 2, 0, 1, 0, 1] },
  // one shared memory with a maximum
  { name: 'Wasm threads', bytes: [5, 4, 1, 3, 1, 1] },
];

const OPTIONAL: readonly { readonly name: string; readonly purpose: string }[] = [
  { name: '@bytecodealliance/jco', purpose: 'preparing operators of your own from component files' },
  ...['@opentelemetry/api', '@opentelemetry/sdk-trace', '@opentelemetry/exporter-trace-otlp-http'].map((name) => ({
    name,
    purpose: 'traces (--traces)',
  })),
];

interface Options {
  readonly json?: boolean;
  readonly nats?: string;
  readonly creds?: string;
  readonly ca?: string;
  readonly domain?: string;
  readonly data?: string;
}

export const doctor: CommandModule = {
  name: 'doctor',
  define(program: Command, invocation: Invocation, finish: (status: number) => void): void {
    program
      .command('doctor')
      .description('show what this machine offers and what is missing')
      .option('--json', 'print one JSON object')
      .option('--nats <url>', 'look at a running NATS server, too; several of a cluster joined by commas')
      .option('--creds <file>', 'credentials for it; CLOUDSKIN_CREDS')
      .option('--ca <file>', 'the authority behind its certificate; CLOUDSKIN_CA')
      .option('--domain <name>', 'the JetStream domain to ask there, instead of its own')
      .option('--data <directory>', "an agent's data directory to look at, instead of those of this user's agents")
      .addHelpText(
        'after',
        examples(
          ['cloudskin doctor', 'a table'],
          ['cloudskin doctor --json', 'for programs'],
          ['cloudskin doctor --nats nats://localhost:4222', 'and what that server can do'],
        ),
      )
      .action(async (options: Options) => {
        const data = await dataDirectories(options.data, Date.now());
        const findings = [...inspect(), await pools(), ...data, ...(await running(options))];
        const text = options.json === true ? `${JSON.stringify({ findings })}\n` : table(findings, invocation);
        await invocation.terminal.out(text);
        finish(findings.some((finding) => finding.status === 'missing') ? EXIT_FAILED : 0);
      });
  },
};

function inspect(): Finding[] {
  const gibibytes = (totalmem() / 2 ** 30).toFixed(1);
  return [
    { name: 'Node', status: 'ok', detail: `${process.versions.node} (V8 ${process.versions.v8})` },
    { name: 'Machine', status: 'ok', detail: `${availableParallelism()} cores, ${gibibytes} GiB, ${process.arch}` },
    ...FEATURES.map(featureFinding),
    artifact('Support module', new URL('../../engine/compile/support/support.wasm', import.meta.url)),
    artifact('Operator anomaly', new URL('../../operators/anomaly/anomaly.cell', import.meta.url)),
    installedServer(),
    ...OPTIONAL.map(packageFinding),
  ];
}

/** Bounds of what each thread keeps for cells that start; what is kept now only who runs cells can say (--metrics). */
async function pools(): Promise<Finding> {
  const { poolFigures } = await import('../../engine/cell/pools.ts');
  const bounds = poolFigures().map(({ pool, most, maxBytes }) =>
    maxBytes === undefined ? `${pool} at most ${most}` : `${pool} at most ${maxBytes / 2 ** 20} MiB`,
  );
  return { name: 'Pools a thread', status: 'ok', detail: bounds.join(', ') };
}

async function running(options: Options): Promise<Finding[]> {
  const { nats, domain } = options;
  if (nats === undefined) return [];
  const { credentials } = await import('../cluster/connect.ts');
  return await runningServer({
    nats,
    access: credentials(options),
    ...defined({ domain }),
  });
}

function featureFinding(feature: (typeof FEATURES)[number]): Finding {
  const header = [0, 97, 115, 109, 1, 0, 0, 0];
  const ok = WebAssembly.validate(new Uint8Array([...header, ...feature.bytes]));
  return { name: feature.name, status: ok ? 'ok' : 'missing', detail: ok ? 'yes' : 'this Node cannot run cells' };
}

function artifact(name: string, url: URL): Finding {
  return existsSync(url)
    ? { name, status: 'ok', detail: 'built' }
    : {
        name,
        status: 'missing',
        detail: 'not built: run `npm run prepare` in the checkout, or install the package again',
      };
}

function packageFinding({ name, purpose }: (typeof OPTIONAL)[number]): Finding {
  try {
    const directory = fileURLToPath(import.meta.resolve(name)).split(`/node_modules/${name}/`)[0];
    const manifest = readFileSync(`${directory}/node_modules/${name}/package.json`, 'utf8');
    return { name, status: 'ok', detail: JSON.parse(manifest).version };
  } catch {
    return { name, status: 'optional', detail: `not installed; needed for ${purpose}: npm install ${name}` };
  }
}

function table(findings: readonly Finding[], { terminal }: Invocation): string {
  const width = Math.max(...findings.map((finding) => finding.name.length));
  const mark = { ok: 'green', missing: 'red', optional: 'yellow' } as const;
  const lines = findings.map((finding) => {
    const status = paint(finding.status.padEnd(8), mark[finding.status], terminal.outColor);
    return `${status} ${finding.name.padEnd(width)}  ${finding.detail}`;
  });
  return `${lines.join('\n')}\n`;
}

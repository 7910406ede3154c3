/**
 * Builds the standard operators: operators/NAME/assembly (AssemblyScript) -> NAME.wasm (a component) -> NAME.cell (prepared). Skipped where
 * the files are newer than all sources, and where compiler or toolchain are not installed (an installation without development
 * packages brings the built files along).
 */
import { readdirSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { componentize } from '../../engine/cell/component/componentize.ts';
import { prepareComponent } from '../../engine/cell/component/prepare.ts';
import { CloudskinError } from '../../engine/errors.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The standard operators, by folder. */
const OPERATORS = ['anomaly'] as const;

const SDK = 'operators/sdk/assemblyscript/assembly';
const FLAGS = [
  ...['-O3', '--noAssert', '--enable', 'simd', '--runtime', 'minimal'],
  ...['--use', `abort=${SDK}/host/abort`],
];

/** Everything that a built operator depends on. */
function sourcesOf(name: string): string[] {
  const folders = [`operators/${name}/assembly`, SDK, 'operators/wit'];
  const own = ['tools/wasm/operators.ts', 'engine/cell/component/prepared.ts', 'engine/cell/component/componentize.ts'];
  return [...folders.flatMap((folder) => readdirSync(`${root}${folder}`).map((file) => `${folder}/${file}`)), ...own];
}

function modified(path: string): number {
  return statSync(`${root}${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isFresh(name: string): boolean {
  const built = Math.min(modified(`operators/${name}/${name}.wasm`), modified(`operators/${name}/${name}.cell`));
  return sourcesOf(name).every((source) => modified(source) < built);
}

async function loadCompiler(): Promise<typeof import('assemblyscript/asc') | undefined> {
  try {
    return await import('assemblyscript/asc');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Compiles an AssemblyScript entry file, relative to the repository, to a core module. */
export async function compileAssembly(entry: string): Promise<Uint8Array | undefined> {
  const asc = await loadCompiler();
  if (asc === undefined) return undefined;
  let core: Uint8Array | undefined;
  const { error, stderr } = await asc.main([entry, '--baseDir', root, '--outFile', 'core.wasm', ...FLAGS], {
    readFile: async (path, base) => readFile(`${base}/${path}`, 'utf8').catch(() => null),
    writeFile: (_, contents) => {
      if (typeof contents !== 'string') core = contents;
    },
  });
  if (error !== null) throw new Error(`${entry} does not build:\n${stderr.toString()}`, { cause: error });
  return core;
}

async function buildOperator(name: string): Promise<void> {
  const core = await compileAssembly(`operators/${name}/assembly/index.ts`);
  if (core === undefined) return;
  const component = await componentize(core, `operators/${name}`);
  await writeFile(`${root}operators/${name}/${name}.wasm`, component);
  await writeFile(`${root}operators/${name}/${name}.cell`, await prepareComponent(component, `${name}.wasm`));
}

export async function buildOperators(): Promise<void> {
  for (const name of OPERATORS) {
    if (isFresh(name)) continue;
    try {
      await buildOperator(name);
    } catch (error) {
      if (!(error instanceof CloudskinError && error.code === 'component.needs-jco')) throw error;
    }
  }
}

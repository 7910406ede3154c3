/**
 * Builds engine/compile/support/support.wasm from its AssemblyScript sources. Skipped when it is newer than all of them, and where the
 * AssemblyScript compiler is not installed (an installation without development packages brings the built file along).
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { STATIC_BASE } from '../../engine/compile/support/assembly/control.ts';

const folder = fileURLToPath(new URL('../../engine/compile/support/', import.meta.url));
const output = `${folder}support.wasm`;
/** Mathematics that TypeScript and AssemblyScript both compile. */
const portable = fileURLToPath(new URL('../../engine/expression/functions/portable/', import.meta.url));

const FLAGS = [
  ...['--runtime', 'stub', '-O3', '--noAssert', '--uncheckedBehavior', 'always'],
  ...['--enable', 'simd', '--importMemory', '--noExportMemory', '--memoryBase', '1024', '--initialMemory', '4'],
  ...['--use', 'abort='],
];

export async function buildSupport(): Promise<void> {
  if (isFresh()) return;
  const asc = await loadCompiler();
  if (asc === undefined) return;
  const { error, stderr } = await asc.main([`${folder}assembly/index.ts`, '--outFile', output, ...FLAGS]);
  if (error !== null) throw new Error(`support.wasm does not build:\n${stderr.toString()}`, { cause: error });
  checkDataEnd();
}

function isFresh(): boolean {
  const built = statSync(output, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = [`${folder}assembly/`, portable].flatMap((path) => readdirSync(path).map((name) => path + name));
  return [...sources, fileURLToPath(import.meta.url)].every((source) => statSync(source).mtimeMs < built);
}

async function loadCompiler(): Promise<typeof import('assemblyscript/asc') | undefined> {
  try {
    return await import('assemblyscript/asc');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The generated modules put their data at STATIC_BASE: the support module's must end before it. */
function checkDataEnd(): void {
  const module = new WebAssembly.Module(readFileSync(output));
  const memory = new WebAssembly.Memory({ initial: STATIC_BASE / 65_536 });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const end = Number((exports.dataEnd as () => number)());
  if (end > STATIC_BASE) throw new Error(`the support module's data ends at ${end}, behind STATIC_BASE ${STATIC_BASE}`);
}

/**
 * The component toolchain, jco, which is an optional package: it is loaded by name when a component has to be checked or built.
 */
import { userError } from '../../errors.ts';

const PACKAGE = '@bytecodealliance/jco';

/** Those of its functions that the engine uses. */
export interface Toolchain {
  /** The WIT of a component; throws where it is not a valid one. */
  readonly componentWit: (component: Uint8Array) => Promise<string>;
  readonly componentEmbed: (options: {
    readonly binary?: Uint8Array;
    readonly witPath?: string;
    readonly witSource?: string;
    readonly world?: string;
    readonly dummy?: boolean;
  }) => Promise<Uint8Array>;
  readonly componentNew: (module: Uint8Array) => Promise<Uint8Array>;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

/** A computed name, so that neither the type checker nor a bundler looks for the package. */
function importPackage(): Promise<unknown> {
  const name: string = PACKAGE;
  return import(name);
}

/** Loads the toolchain; `purpose` says in the error what it is needed for. */
export async function loadToolchain(purpose: string, load: () => Promise<unknown> = importPackage): Promise<Toolchain> {
  try {
    return (await load()) as Toolchain;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw userError('component.needs-jco', `${purpose} needs the optional package ${PACKAGE}, which is not installed`, {
      hint: `install ${PACKAGE} (npm install ${PACKAGE}), or use a prepared .cell file`,
      cause: error,
    });
  }
}

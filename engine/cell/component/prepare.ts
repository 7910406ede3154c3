/**
 * From a component's file to a prepared operator: found, checked, taken apart, and kept by digest so that the work is done once.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CloudskinError, externalError, messageOf, userError } from '../../errors.ts';
import { isStandardName, resolveComponent } from '../../graph/component-name.ts';
import { binaryKind, MalformedBinary } from './binary.ts';
import { type ComponentParts, readComponent } from './component-binary.ts';
import { decodePrepared, encodePrepared, isPrepared, type PreparedOperator } from './prepared.ts';
import { printable } from './printable.ts';
import { loadToolchain } from './toolchain.ts';
import { checkWorld } from './world.ts';

/** Largest component or prepared file that is read, in bytes. */
const MAX_COMPONENT_BYTES: number = 64 * 1024 * 1024;
const MAX_CACHED = 64;

export interface PrepareOptions {
  /** A directory where prepared files are kept by digest; it is made when it is missing. Absent: kept in memory only. */
  readonly cache?: string;
}

/** Prepared operators of this process by the digest of their file, least recently used first. */
const prepared = new Map<string, PreparedOperator>();

function remember(key: string, operator: PreparedOperator): PreparedOperator {
  prepared.delete(key);
  prepared.set(key, operator);
  for (const oldest of prepared.keys()) {
    if (prepared.size <= MAX_CACHED) break;
    prepared.delete(oldest);
  }
  return operator;
}

function malformed(where: string, error: MalformedBinary): CloudskinError {
  const unsupported = /^(unsupported|unknown instruction)/.test(error.message);
  const code = unsupported ? 'component.unsupported' : 'component.malformed';
  const verdict = unsupported ? 'uses what the engine does not support' : 'is damaged or not a component';
  return userError(code, `${where} ${verdict}: ${printable(error.message)}`, { cause: error });
}

function takeApart(bytes: Uint8Array, where: string): ComponentParts {
  try {
    return readComponent(bytes);
  } catch (error) {
    if (error instanceof MalformedBinary) throw malformed(where, error);
    throw error;
  }
}

/** The innermost of the reasons that the toolchain gives, one a line. */
function lastReason(error: unknown): string {
  const message = messageOf(error);
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  return printable((lines.at(-1) ?? '').replace(/^\s*\d+:\s*/, ''));
}

/** The toolchain's validator is the judge of what is a component. */
async function validate(bytes: Uint8Array, where: string): Promise<void> {
  const toolchain = await loadToolchain(`checking the component ${where}`);
  try {
    await toolchain.componentWit(bytes);
  } catch (error) {
    const finding = lastReason(error);
    throw userError('component.malformed', `${where} is not a valid component: ${finding}`, { cause: error });
  }
  for (const module of readComponent(bytes).modules) {
    if (!WebAssembly.validate(module)) {
      throw userError('component.malformed', `${where} is not a valid component: one of its core modules is invalid`);
    }
  }
}

function checkKind(bytes: Uint8Array, where: string): void {
  const kind = binaryKind(bytes);
  if (kind === 'component') return;
  const finding = kind === 'core' ? 'a core module, not a component' : 'neither a component nor a prepared operator';
  throw userError('component.not-a-component', `${where} is ${finding}`, {
    hint: 'operators/README.md says how to make a component of a core module',
  });
}

/** Makes the prepared file of a component. Needs the toolchain. */
export async function prepareComponent(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  checkKind(bytes, where);
  const parts = takeApart(bytes, where);
  const world = checkWorld(parts, where);
  await validate(bytes, where);
  return encodePrepared(parts, digestOf(bytes), world);
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A cached prepared file, or undefined when there is none or it is damaged. */
async function fromCache(path: string): Promise<PreparedOperator | undefined> {
  try {
    return decodePrepared(await readFile(path), path);
  } catch {
    return undefined;
  }
}

/** Writes aside and renames, so that other processes see a whole file or none. A cache that cannot be written is no error. */
async function toCache(directory: string, path: string, bytes: Uint8Array): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(aside, bytes);
    await rename(aside, path);
  } catch {
    await rm(aside, { force: true }).catch(() => undefined);
  }
}

async function prepareBytes(bytes: Uint8Array, where: string, options: PrepareOptions): Promise<PreparedOperator> {
  const key = digestOf(bytes);
  const known = prepared.get(key);
  if (known !== undefined) return remember(key, known);
  if (isPrepared(bytes)) return remember(key, decodePrepared(bytes, where));
  const path = options.cache === undefined ? undefined : join(options.cache, `${key}.cell`);
  const cached = path === undefined ? undefined : await fromCache(path);
  if (cached !== undefined) return remember(key, cached);
  const file = await prepareComponent(bytes, where);
  if (options.cache !== undefined && path !== undefined) await toCache(options.cache, path, file);
  return remember(key, decodePrepared(file, where));
}

async function readOperatorFile(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_COMPONENT_BYTES) {
      throw userError('component.too-large', `${path} has ${size} bytes, more than ${MAX_COMPONENT_BYTES}`);
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof CloudskinError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT') throw userError('component.not-found', `there is no component at ${path}`, { cause: error });
    throw externalError('component.unreadable', `cannot read ${path} (${code})`, { cause: error });
  }
}

/** The standard operators; `operators/README.md` says what each does. */
export const STANDARD_OPERATORS: readonly string[] = ['anomaly'];

/** Where a standard operator's prepared file lies; artifacts lie in the same place of a checkout and of the published package. */
function standardPath(name: string): string {
  if (!STANDARD_OPERATORS.includes(name)) {
    throw userError('component.not-found', `no standard operator is called ${name}`, {
      hint: `there is ${STANDARD_OPERATORS.join(', ')}; a file of your own is written with a slash, as ./${name}.wasm`,
    });
  }
  return fileURLToPath(new URL(`../../../operators/${name}/${name}.cell`, import.meta.url));
}

/** The absolute path of what a graph calls a component: a standard operator's name, or a path relative to `directory`. */
export function locateComponent(component: string, directory: string): string {
  return isStandardName(component) ? standardPath(component) : resolveComponent(component, directory);
}

/**
 * Prepares an operator from a component's or prepared operator's path or bytes. Results are kept by digest for the life of the process
 * (at most 64), and in `options.cache`.
 *
 * Errors: `component.not-found`, `component.unreadable`, `component.too-large`, `component.not-a-component`, `component.malformed`,
 * `component.unsupported`, `component.wrong-world`, `component.version`, `component.needs-jco`.
 */
export async function prepare(source: string | Uint8Array, options: PrepareOptions = {}): Promise<PreparedOperator> {
  if (typeof source !== 'string') return prepareBytes(source, 'the component', options);
  const path = locateComponent(source, '.');
  return prepareBytes(await readOperatorFile(path), path, options);
}

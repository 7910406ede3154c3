/**
 * The prepared operator file (`.cell`): a component taken apart, so that the engine runs it without the component toolchain.
 *
 *    0         8            12                      12+n
 *   +---------+------------+-----------------------+-------------------+--------------------+
 *   | magic   | n: header  | header, JSON in UTF-8 | core modules, one | SHA-256 of all the |
 *   | 8 bytes | length u32 |                       | behind the other  | bytes before       |
 *   +---------+------------+-----------------------+-------------------+--------------------+
 *
 * The checksum guards against damage, not against malice: everything in the file is checked again when it is read and instantiated.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { userError } from '../../errors.ts';
import { binaryKind } from './binary.ts';
import type { ComponentParts, CoreRef, Item, Lifted, Step } from './component-binary.ts';
import { printable } from './printable.ts';
import { HOST_FUNCTIONS, OPERATOR_EXPORTS, STATE_EXPORTS, STATEFUL_WORLD, WORLD, type WorldName } from './world.ts';

const MAGIC = new TextEncoder().encode('CSKCELL\n');
const FORMAT = 1;
const CHECKSUM_BYTES = 32;

export type LiftedExport = Omit<Lifted, 'type'>;

/** An operator that is ready to be instantiated. */
export interface PreparedOperator {
  /** SHA-256 of the component it was made of, in hexadecimal; names it in caches. */
  readonly digest: string;
  /** SHA-256 of the prepared file itself, as computed, not as claimed: what compiled code is kept by. */
  readonly checksum: string;
  readonly world: WorldName;
  readonly modules: readonly Uint8Array[];
  readonly steps: readonly Step[];
  /** By the names in `OPERATOR_EXPORTS` and, of a stateful operator, `STATE_EXPORTS`. */
  readonly exports: ReadonlyMap<string, LiftedExport>;
}

const index = z.number().int().nonnegative().max(65_535);
const coreRef: z.ZodType<CoreRef> = z.strictObject({ instance: index, name: z.string() });
const item: z.ZodType<Item> = z.union([
  z.strictObject({ core: coreRef }),
  z.strictObject({
    host: z.strictObject({ interface: z.string(), function: z.string(), memory: coreRef.optional() }),
  }) as z.ZodType<Item>,
]);
const step: z.ZodType<Step> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('instantiate'),
    module: index,
    imports: z.array(z.tuple([z.string(), index])).max(1000),
  }),
  z.strictObject({ kind: z.literal('bundle'), exports: z.array(z.tuple([z.string(), item])).max(1000) }),
]);
const lifted = z.strictObject({
  function: coreRef,
  memory: coreRef.optional(),
  realloc: coreRef.optional(),
  postReturn: coreRef.optional(),
}) as z.ZodType<LiftedExport>;
const headerSchema = z.strictObject({
  format: z.literal(FORMAT),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  world: z.enum([WORLD, STATEFUL_WORLD]),
  modules: z.array(z.number().int().positive()).min(1).max(64),
  steps: z.array(step).min(1).max(1024),
  exports: z.record(z.string(), lifted),
});
type Header = z.infer<typeof headerSchema>;

export function isPrepared(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.every((byte, i) => bytes[i] === byte);
}

/** The file's bytes, for a component that has been checked against the world. */
export function encodePrepared(parts: ComponentParts, digest: string, world: WorldName): Uint8Array {
  const known = new Set([...OPERATOR_EXPORTS.keys(), ...STATE_EXPORTS.keys()]);
  const exports: Record<string, LiftedExport> = {};
  for (const [name, { type: _, ...rest }] of parts.exports) if (known.has(name)) exports[name] = rest;
  const header = {
    format: FORMAT,
    digest,
    world,
    modules: parts.modules.map((m) => m.length),
    steps: parts.steps,
    exports,
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const content = Buffer.concat([MAGIC, length, text, ...parts.modules]);
  return Buffer.concat([content, createHash('sha256').update(content).digest()]);
}

function damaged(where: string, finding: string): Error {
  return userError('component.malformed', `${where} is damaged: ${finding}`, {
    hint: 'prepare it again from the component, or fetch the file again',
  });
}

/** Every index must point backwards, so that steps can be carried out in their order. */
function checkReferences(header: Header, where: string): void {
  const before = (instance: number, limit: number): void => {
    if (instance >= limit) throw damaged(where, 'a step refers to a later one');
  };
  header.steps.forEach((current, position) => {
    if (current.kind === 'instantiate') {
      if (current.module >= header.modules.length) throw damaged(where, 'a step refers to a missing module');
      for (const [, instance] of current.imports) before(instance, position);
      return;
    }
    for (const [, entry] of current.exports) {
      if ('core' in entry) before(entry.core.instance, position);
      else {
        if (entry.host.memory !== undefined) before(entry.host.memory.instance, position);
        const key = `${entry.host.interface}#${entry.host.function}`;
        if (!HOST_FUNCTIONS.has(key)) throw damaged(where, `an operator is not given ${key}`);
      }
    }
  });
  for (const entry of Object.values(header.exports)) {
    for (const ref of [entry.function, entry.memory, entry.realloc, entry.postReturn]) {
      if (ref !== undefined) before(ref.instance, header.steps.length);
    }
  }
}

function checkExports(header: Header, where: string): void {
  const needed = [...OPERATOR_EXPORTS.keys(), ...(header.world === STATEFUL_WORLD ? STATE_EXPORTS.keys() : [])];
  for (const name of needed) {
    if (header.exports[name]?.memory === undefined) throw damaged(where, `it has no ${name}`);
  }
}

function readHeader(text: Buffer, where: string): Header {
  let json: unknown;
  try {
    json = JSON.parse(text.toString('utf8'));
  } catch {
    throw damaged(where, 'its header is not JSON');
  }
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined;
  if (typeof format === 'number' && format !== FORMAT) {
    throw userError('component.version', `${where} has format ${format}, this engine reads format ${FORMAT}`, {
      hint: 'prepare the component again with this version',
    });
  }
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success)
    throw damaged(where, `its header is not as it should be (${printable(parsed.error.issues[0]?.message ?? '')})`);
  return parsed.data;
}

/** Reads a prepared operator; throws `component.malformed` when it is damaged, `component.version` when it is of another format. */
export function decodePrepared(bytes: Uint8Array, where: string): PreparedOperator {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = MAGIC.length + 4;
  const end = file.length - CHECKSUM_BYTES;
  if (end < start || !isPrepared(bytes)) throw damaged(where, 'it is cut off');
  const checksum = createHash('sha256').update(file.subarray(0, end)).digest();
  if (!checksum.equals(file.subarray(end))) throw damaged(where, 'its checksum does not match');
  const headerEnd = start + file.readUInt32LE(MAGIC.length);
  if (headerEnd > end) throw damaged(where, 'it is cut off');
  const header = readHeader(file.subarray(start, headerEnd), where);
  checkReferences(header, where);
  checkExports(header, where);
  const modules: Uint8Array[] = [];
  let at = headerEnd;
  for (const length of header.modules) {
    const module = file.subarray(at, at + length);
    at += length;
    if (at > end || binaryKind(module) !== 'core') throw damaged(where, 'a core module is cut off');
    modules.push(module);
  }
  if (at !== end) throw damaged(where, 'it has bytes that belong to no module');
  const exports = new Map(Object.entries(header.exports));
  return {
    digest: header.digest,
    checksum: checksum.toString('hex'),
    world: header.world,
    modules,
    steps: header.steps,
    exports,
  };
}

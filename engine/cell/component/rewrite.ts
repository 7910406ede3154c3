/**
 * What the engine does to a core module before it compiles it, so that the cell can be bounded, pooled and copied:
 *
 *   - the memory that the module defines becomes an import (`cloudskin` `memory`), filled from a pool of touched memories;
 *   - one more, shared memory is imported (`cloudskin` `deadline`), and every loop header, and the entry of every function that calls
 *     others, traps when the word at its address 0 is negative. The watchdog makes it negative (see `watchdog.ts`). A function without
 *     calls needs no check at its entry: whatever runs on without end goes through a loop header or a calling function again and again;
 *   - every mutable global that it defines is exported (`cloudskin:global:INDEX`), so that a snapshot can hold it.
 *
 * Indices of functions, tables, globals and types stay as they are; the deadline memory takes the last memory index.
 */
import { type ByteReader, ByteWriter, sections } from './binary.ts';
import { readInstruction } from './opcodes.ts';

export const HOST_MODULE = 'cloudskin';
export const MEMORY_IMPORT = 'memory';
export const DEADLINE_IMPORT = 'deadline';
export const GLOBAL_PREFIX = 'cloudskin:global:';

export interface RewrittenModule {
  readonly bytes: Uint8Array;
  /** Pages of the memory that the module defined and now imports; undefined when it defined none. */
  readonly memoryPages: number | undefined;
  /** Indices of the mutable globals that it now exports. */
  readonly mutableGlobals: readonly number[];
  /** Its code changes tables or takes segments away: memory and globals are not all of its state. */
  readonly hidden: boolean;
}

const SECTION = { custom: 0, type: 1, import: 2, memory: 5, global: 6, export: 7, code: 10 } as const;

interface Limits {
  readonly min: number;
}

function readLimits(reader: ByteReader): Limits {
  const flags = reader.u8();
  if (flags > 1) reader.fail(flags >= 4 ? 'unsupported 64-bit memory or table' : 'unsupported shared memory');
  const min = reader.u32();
  if (flags === 1) reader.u32();
  return { min };
}

interface Imports {
  memories: number;
  globals: number;
}

/** Counts the imports whose indices come before those of definitions. */
function countImports(reader: ByteReader): Imports {
  const counts = { memories: 0, globals: 0 };
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    reader.name();
    reader.name();
    const kind = reader.u8();
    if (kind === 0) reader.u32();
    else if (kind === 1) {
      reader.s33();
      readLimits(reader);
    } else if (kind === 2) {
      readLimits(reader);
      counts.memories += 1;
    } else if (kind === 3) {
      reader.s33();
      reader.u8();
      counts.globals += 1;
    } else reader.fail(`unsupported import kind ${kind}`);
  }
  return counts;
}

/** Indices of the mutable globals in a global section, the first of which has index `first`. */
function mutableGlobals(reader: ByteReader, first: number): number[] {
  const found: number[] = [];
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    reader.s33();
    if (reader.u8() === 1) found.push(first + i);
    while (readInstruction(reader) !== 'end');
  }
  return found;
}

/**
 * `i32.const 0; i32.load DEADLINE; i32.const 0; i32.lt_s; if; unreachable; end`. A plain load: V8 neither keeps nor moves loads of a
 * shared memory out of loops (a test holds it to that), and an atomic one made a tight loop 1.8 times slower instead of 1.15 times.
 */
function deadlineCheck(memory: number): Uint8Array {
  const check = new ByteWriter(16).bytes([0x41, 0x00, 0x28, 0x42]);
  return check.u32(memory).bytes([0x00, 0x41, 0x00, 0x48, 0x04, 0x40, 0x00, 0x0b]).finish();
}

/** What the walk through the code uses and finds. */
interface Walk {
  readonly check: Uint8Array;
  /** Scratch for the offsets behind which a check goes. */
  readonly marks: number[];
  hidden: boolean;
}

/** One function body with the checks in it. */
function rewriteBody(body: ByteReader, walk: Walk): Uint8Array {
  const { check, marks } = walk;
  const start = body.at;
  const groups = body.count();
  for (let i = 0; i < groups; i++) {
    body.u32();
    body.s33();
  }
  const entry = body.at;
  marks.length = 0;
  let calls = false;
  for (let depth = 1; depth > 0; ) {
    const flow = readInstruction(body);
    if (flow === 'call') calls = true;
    else if (flow === 'hidden') walk.hidden = true;
    else if (flow === 'end') depth -= 1;
    else if (flow !== 'plain') depth += 1;
    if (flow === 'loop') marks.push(body.at);
  }
  body.expectEnd('function body');
  if (calls) marks.unshift(entry);
  const out = new ByteWriter(body.end - start + marks.length * check.length);
  let copied = start;
  for (const mark of marks) {
    out.bytes(body.bytes.subarray(copied, mark)).bytes(check);
    copied = mark;
  }
  return out.bytes(body.bytes.subarray(copied, body.end)).finish();
}

function rewriteCode(reader: ByteReader, walk: Walk): Uint8Array {
  const count = reader.count();
  const out = new ByteWriter(reader.end - reader.at + 1024).u32(count);
  for (let i = 0; i < count; i++) out.sized(rewriteBody(reader.sub(reader.u32()), walk));
  return out.finish();
}

/** What has to be known of a module before its sections can be rewritten. */
interface Survey {
  readonly imports: Imports;
  readonly memoryPages: number | undefined;
  readonly mutableGlobals: readonly number[];
}

function survey(module: Uint8Array): Survey {
  let imports: Imports = { memories: 0, globals: 0 };
  let memoryPages: number | undefined;
  let globals: readonly number[] = [];
  for (const { id, content } of sections(module)) {
    if (id === SECTION.import) imports = countImports(content);
    else if (id === SECTION.global) globals = mutableGlobals(content, imports.globals);
    else if (id === SECTION.memory) {
      const count = content.count();
      if (count > 1) content.fail('unsupported second memory');
      if (count === 1) memoryPages = readLimits(content).min;
    }
  }
  return { imports, memoryPages, mutableGlobals: globals };
}

/** An import or export section with further entries behind those of `content`. */
function extended(content: ByteReader | undefined, added: readonly Uint8Array[]): Uint8Array {
  const before = content?.count() ?? 0;
  const out = new ByteWriter().u32(before + added.length);
  if (content !== undefined) out.bytes(content.bytes.subarray(content.at, content.end));
  for (const entry of added) out.bytes(entry);
  return out.finish();
}

function memoryImports(found: Survey): Uint8Array[] {
  const added: Uint8Array[] = [];
  if (found.memoryPages !== undefined) {
    const entry = new ByteWriter().name(HOST_MODULE).name(MEMORY_IMPORT).bytes([0x02, 0x00]);
    added.push(entry.u32(found.memoryPages).finish());
  }
  added.push(new ByteWriter().name(HOST_MODULE).name(DEADLINE_IMPORT).bytes([0x02, 0x03, 0x01, 0x01]).finish());
  return added;
}

function globalExports(found: Survey): Uint8Array[] {
  return found.mutableGlobals.map((index) =>
    new ByteWriter().name(`${GLOBAL_PREFIX}${index}`).u8(0x03).u32(index).finish(),
  );
}

/** Where a section stands among the others; the data count section (12) comes before code, the tag section (13) before globals. */
function rank(id: number): number {
  if (id === 12) return 9.5;
  return id === 13 ? 5.5 : id;
}

/** Rewrites a core module; throws `MalformedBinary` when it cannot be walked. The result is not yet validated. */
export function rewriteModule(module: Uint8Array): RewrittenModule {
  const found = survey(module);
  const defined = found.memoryPages === undefined ? 0 : 1;
  const walk: Walk = { check: deadlineCheck(found.imports.memories + defined), marks: [], hidden: false };
  const out = new ByteWriter(module.length * 2).bytes(module.subarray(0, 8));
  const pending = new Map<number, readonly Uint8Array[]>([
    [SECTION.import, memoryImports(found)],
    [SECTION.export, globalExports(found)],
  ]);
  const addPendingBefore = (limit: number): void => {
    for (const [id, added] of pending) {
      if (rank(id) >= limit) continue;
      pending.delete(id);
      if (added.length > 0) out.u8(id).sized(extended(undefined, added));
    }
  };
  for (const { id, content } of sections(module)) {
    if (id === SECTION.custom) continue;
    addPendingBefore(rank(id));
    const added = pending.get(id);
    pending.delete(id);
    if (added !== undefined) out.u8(id).sized(extended(content, added));
    else if (id === SECTION.code) out.u8(id).sized(rewriteCode(content, walk));
    else if (id !== SECTION.memory) out.u8(id).sized(content.bytes.subarray(content.at, content.end));
  }
  addPendingBefore(Number.POSITIVE_INFINITY);
  const { memoryPages, mutableGlobals } = found;
  return { bytes: out.finish(), memoryPages, mutableGlobals, hidden: walk.hidden };
}

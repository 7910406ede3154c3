/**
 * From a guest's core module to a component of the operator world, with the toolchain: names put right, the world embedded, the
 * component made. For languages whose exports are identifiers, `on_watermark` becomes `on-watermark` and so on.
 */
import { fileURLToPath } from 'node:url';
import { messageOf, userError } from '../../errors.ts';
import { type ByteReader, ByteWriter, binaryKind, MalformedBinary, sections } from './binary.ts';
import { printable } from './printable.ts';
import { loadToolchain } from './toolchain.ts';
import { EXPORT_STATE, IMPORT_STATE } from './world.ts';

/** Where the operator world is described: beside the code in a checkout and in the published package. */
export const WIT_PATH: string = fileURLToPath(new URL('../../../operators/wit/operator.wit', import.meta.url));

const EXPORT_SECTION = 7;
const RENAMED: ReadonlyMap<string, string> = new Map(
  [
    ...['on_watermark', 'on_timer', 'on_end'].map((name) => [name, name.replace('_', '-')] as const),
    ['export_state', EXPORT_STATE] as const,
    ['import_state', IMPORT_STATE] as const,
  ].flatMap(([name, own]) => [
    [name, own],
    [`cabi_post_${name}`, `cabi_post_${own}`],
  ]),
);

interface Renamed {
  readonly bytes: Uint8Array;
  /** Whether it exports what hands over state. */
  readonly stateful: boolean;
}

function renameSection(content: ByteReader): Renamed {
  let stateful = false;
  const count = content.count();
  const out = new ByteWriter().u32(count);
  for (let i = 0; i < count; i++) {
    const given = content.name();
    const name = RENAMED.get(given) ?? given;
    stateful ||= name === EXPORT_STATE;
    out.name(name).u8(content.u8()).u32(content.u32());
  }
  return { bytes: out.finish(), stateful };
}

/** The module with the world's own export names. */
function renameExports(module: Uint8Array): Renamed {
  let stateful = false;
  const out = new ByteWriter(module.length + 64).bytes(module.subarray(0, 8));
  for (const { id, content } of sections(module)) {
    if (id !== EXPORT_SECTION) {
      out.u8(id).sized(content.bytes.subarray(content.at, content.end));
      continue;
    }
    const renamed = renameSection(content);
    stateful = renamed.stateful;
    out.u8(id).sized(renamed.bytes);
  }
  return { bytes: out.finish(), stateful };
}

/**
 * Makes a component of a core module that exports the operator world's functions in the canonical ABI, those of its `state` interface
 * included or not. `where` names it in errors:
 * `component.malformed` for what is no core module, `component.wrong-world` where exports or imports are not the world's.
 */
export async function componentize(core: Uint8Array, where: string): Promise<Uint8Array> {
  if (binaryKind(core) !== 'core') throw userError('component.malformed', `${where} is not a core module`);
  const toolchain = await loadToolchain(`making a component of ${where}`);
  try {
    const { bytes: binary, stateful } = renameExports(core);
    const world = stateful ? 'stateful-operator' : 'operator';
    const embedded = await toolchain.componentEmbed({ binary, witPath: WIT_PATH, world });
    return await toolchain.componentNew(embedded);
  } catch (error) {
    const code = error instanceof MalformedBinary ? 'component.malformed' : 'component.wrong-world';
    const finding = printable(messageOf(error));
    throw userError(code, `${where} cannot become a component: ${finding}`, { cause: error });
  }
}

import { describe, expect, test } from 'vitest';
import { CloudskinError } from '../../errors.ts';
import { readComponent } from './component-binary.ts';
import { WIT_PATH } from './componentize.ts';
import { loadToolchain } from './toolchain.ts';
import { checkWorld, HOST_FUNCTIONS, OPERATOR_EXPORTS, STATE_EXPORTS } from './world.ts';

/** A component of a world with nothing in it but the right types. */
async function dummy(world: string, witSource?: string): Promise<Uint8Array> {
  const { componentEmbed, componentNew } = await loadToolchain('this test');
  const source = witSource === undefined ? { witPath: WIT_PATH } : { witSource };
  return componentNew(await componentEmbed({ dummy: true, world, ...source }));
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof CloudskinError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'fine';
}

describe('the operator world', () => {
  test('is in the WIT what the engine takes it for', async () => {
    const parts = readComponent(await dummy('operator'));
    const imports = new Map(parts.imports.map((one) => [`${one.interface}#${one.function}`, one.type]));
    expect(imports).toEqual(new Map(HOST_FUNCTIONS));
    expect(new Map([...parts.exports].map(([name, { type }]) => [name, type]))).toEqual(new Map(OPERATOR_EXPORTS));
    expect(checkWorld(parts, 'dummy')).toBe('cloudskin:operator/operator@0.1.0');
  });

  test('has a second form for operators that hand over their state', async () => {
    const parts = readComponent(await dummy('stateful-operator'));
    const types = new Map([...parts.exports].map(([name, { type }]) => [name, type]));
    expect(types).toEqual(new Map([...OPERATOR_EXPORTS, ...STATE_EXPORTS]));
    expect(checkWorld(parts, 'dummy')).toBe('cloudskin:operator/stateful-operator@0.1.0');
  });

  test.each([
    [
      'another export type',
      'export init: func(config: string) -> string;',
      /exports init as func\(config: string\) -> string/,
    ],
    ['a missing export', 'export on-end: func();', /does not export init/],
    ['an import it is not given', 'import wasi:clocks/now@0.2.0;', /imports now of wasi:clocks\/now@0.2.0/],
  ])('refuses %s and says which', async (_, item, message) => {
    const deps = 'package wasi:clocks@0.2.0 { interface now { now: func() -> u64; } }';
    const parts = readComponent(await dummy('other', `package t:t; ${deps} world other { ${item} }`));
    expect(codeOf(() => checkWorld(parts, 'other.wasm'))).toMatch(/^component\.wrong-world: other\.wasm/);
    expect(codeOf(() => checkWorld(parts, 'other.wasm'))).toMatch(message);
  });
});

/**
 * Makes `dist`, or the directory that is named, what is published: compiled JavaScript with types, and beside it every artifact that the code finds relative to
 * itself (Wasm modules, prepared operators, the operator world, graph templates).
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is copied as it is, by glob from the root. */
const ARTIFACTS: readonly string[] = [
  'engine/**/*.wasm',
  'operators/*/*.cell',
  'operators/wit/**/*.wit',
  'operators/sdk/**/*',
  'cli/templates/**/*',
];

const target = resolve(process.argv[2] ?? `${root}/dist`);
rmSync(target, { recursive: true, force: true });
execFileSync(process.execPath, ['tools/build-wasm.ts'], { cwd: root, stdio: 'inherit' });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', target], {
  cwd: root,
  stdio: 'inherit',
});
for (const pattern of ARTIFACTS) {
  for (const path of globSync(pattern, { cwd: root, exclude: (name) => /node_modules|\.test\./.test(String(name)) })) {
    if (statSync(`${root}/${path}`).isFile()) cpSync(`${root}/${path}`, join(target, path));
  }
}

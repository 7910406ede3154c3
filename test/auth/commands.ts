/** Runs a command of the command line in an environment of its own. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { cliPath, type Ended } from '../cli/command.ts';
import { owned } from '../kit/owned.ts';

/** What the environment says of a cluster is not for the command, unless `environment` does. */
export function runCommand(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ended> {
  const { CLOUDSKIN_NATS: _nats, CLOUDSKIN_CREDS: _creds, CLOUDSKIN_CA: _ca, ...others } = process.env;
  const env = { ...others, NO_COLOR: '1', ...environment };
  const child = owned(spawn(process.execPath, [cliPath, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

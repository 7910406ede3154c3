/** The rows of a request, from a file or standard input, and in which form they are. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { externalError, messageOf, systemCode, userError } from '../../engine/errors.ts';
import type { Form } from '../../engine/task/service.ts';

export interface TaskInput {
  readonly data: Uint8Array;
  readonly form: Form;
}

/** Arrow streams and files are known by their first bytes, an object or array that is the whole text is JSON, all else NDJSON. */
export async function readInput(path: string): Promise<TaskInput> {
  const data = path === '-' ? await standardInput() : await fileAt(path);
  return { data, form: formOf(data) };
}

function formOf(data: Uint8Array): Form {
  if (data[0] === 0xff || Buffer.from(data.subarray(0, 6)).toString('latin1') === 'ARROW1') return 'arrow';
  const text = new TextDecoder().decode(data).trim();
  if (text.startsWith('[') || !text.includes('\n')) return 'json';
  try {
    JSON.parse(text);
    return 'json';
  } catch {
    // several lines, each of its own
    return 'ndjson';
  }
}

async function fileAt(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') throw userError('task.no-input', `there is no file ${path}`, { cause });
    throw externalError('task.no-input', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

async function standardInput(): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return Buffer.concat(pieces);
}

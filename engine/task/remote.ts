/** Calls a task that somebody serves over NATS. */
import { defined } from '../defined.ts';
import { CloudskinError, externalError, userError } from '../errors.ts';
import type { Message, Nats } from '../nats/nats.ts';
import { CONTENT_TYPES, type Form, taskSubject } from './service.ts';

export interface RemoteCall {
  readonly namespace: string;
  readonly name: string;
  readonly data: Uint8Array;
  readonly form: Form;
  /** Of the answer; that of the request unless given. */
  readonly accept?: Form;
  /** Milliseconds that the call may take. */
  readonly deadline: number;
}

export interface RemoteResult {
  readonly data: Uint8Array;
  /** Rows that operators left out. */
  readonly diverted: number;
  /** Milliseconds that the call waited for its turn. */
  readonly waited: number;
}

/** Milliseconds beyond the deadline that the answer may be on its way. */
const WAY = 1_000;
const HEADER_BYTES = 4_096;

/**
 * Resolves to what the task answers. Rejects as it does (`task.overloaded`, `task.timeout`, `task.failed`, `task.bad-input`, …), with
 * `task.not-served` where nobody serves it, `task.no-answer` where nobody answers in time, `task.input-too-large` where the server takes no message of that size, and as `Nats.request` does.
 */
export async function callTask(nats: Nats, call: RemoteCall): Promise<RemoteResult> {
  const { namespace, name, data, form, accept, deadline } = call;
  const most = nats.info.maxPayload - HEADER_BYTES;
  if (data.length > most) {
    const message = `the call of task ${name} is ${data.length} bytes, and the NATS server takes ${most} in one message`;
    throw userError('task.input-too-large', message, { hint: "send fewer rows, or raise the server's max_payload" });
  }
  const headers = {
    'Content-Type': CONTENT_TYPES[form],
    'Cs-Deadline': `${deadline}`,
    ...(accept === undefined ? {} : { Accept: CONTENT_TYPES[accept] }),
  };
  let answer: Message;
  try {
    answer = await nats.request(taskSubject(namespace, name), data, deadline + WAY, headers);
  } catch (error) {
    throw unanswered(error, call);
  }
  if (answer.headers['Nats-Service-Error-Code'] !== undefined) throw refusalOf(answer);
  const { 'Cs-Diverted': diverted = 0, 'Cs-Waited': waited = 0 } = answer.headers;
  return { data: answer.data, diverted: Number(diverted), waited: Number(waited) };
}

function unanswered(cause: unknown, { namespace, name, deadline }: RemoteCall): unknown {
  if (!(cause instanceof CloudskinError)) return cause;
  if (cause.code === 'nats.no-responders') {
    return externalError('task.not-served', `nobody serves the task ${namespace}/${name}`, {
      hint: 'cloudskin task list shows those that agents serve; task deploy GRAPH has them serve it, task serve GRAPH a process of its own',
      cause,
    });
  }
  if (cause.code !== 'nats.timeout') return cause;
  const message = `the task ${namespace}/${name} did not answer in ${deadline + WAY} ms: whoever had taken the call is gone, or out of reach`;
  return externalError('task.no-answer', message, {
    hint: 'call again: others that serve it answer',
    retry: true,
    cause,
  });
}

function refusalOf({ headers, data }: Message): CloudskinError {
  const status = Number(headers['Nats-Service-Error-Code']);
  const domain = status === 429 || status >= 500 ? 'external' : 'user';
  const told = bodyOf(data);
  const code = headers['Cs-Error'] ?? 'task.failed';
  const message = told.message ?? headers['Nats-Service-Error'] ?? 'the task failed';
  return new CloudskinError(code, message, {
    domain,
    retry: status === 429 || status === 503,
    ...defined({ hint: told.hint }),
  });
}

function bodyOf(data: Uint8Array): { readonly message?: string; readonly hint?: string } {
  try {
    const { message, hint } = JSON.parse(new TextDecoder().decode(data)) as Readonly<Record<string, unknown>>;
    return { ...(typeof message === 'string' ? { message } : {}), ...(typeof hint === 'string' ? { hint } : {}) };
  } catch {
    // the headers say it, too
    return {};
  }
}

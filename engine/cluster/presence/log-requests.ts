/** Answers `cloudskin logs`: the last records of an agent, of all or of one app, from a sequence on. */
import type { Nats, Subscription } from '../../nats/nats.ts';
import { encodeDocument, parseBytes } from '../documents/document.ts';
import { type AgentName, agentSubject } from '../documents/names.ts';
import { figure, list, oneOfOr, optional, type Read, shape, text, whole } from '../documents/read-json.ts';
import type { LogMemory, LogRecord } from '../process/log.ts';

export interface LogsRequest {
  readonly namespace?: string;
  readonly app?: string;
  readonly fragment?: string;
  /** Sequence of the last record that the asker has. */
  readonly after: number;
  readonly limit: number;
}

const request: Read<LogsRequest> = shape<LogsRequest>({
  namespace: optional(text),
  app: optional(text),
  fragment: optional(text),
  after: whole,
  limit: whole,
});

/** Records of an answer, so that it stays well below the smallest usual payload. */
const MOST = 500;

export function answerLogs(nats: Nats, { site, agent }: AgentName, logs: LogMemory): Subscription {
  return nats.subscribe(agentSubject(site, agent, 'logs'), ({ data, reply }) => {
    if (reply === '') return;
    const { namespace, app, fragment, after, limit } = request(parseBytes(data, 'logs request'), 'logs request');
    const wanted = (record: LogRecord): boolean =>
      (namespace === undefined || record.namespace === namespace) &&
      (app === undefined || record.app === app) &&
      (fragment === undefined || record.fragment === fragment);
    nats.publish(reply, encodeDocument({ records: logs.after(after, Math.min(limit, MOST), wanted) }));
  });
}

const answer = shape<{ records: readonly LogRecord[] }>({
  records: list(
    shape<LogRecord>({
      sequence: whole,
      time: figure,
      level: oneOfOr<LogRecord['level']>('info', 'debug', 'warn', 'error'),
      message: text,
      namespace: optional(text),
      app: optional(text),
      region: optional(text),
      fragment: optional(text),
      revision: optional(whole),
      epoch: optional(whole),
      checkpoint: optional(whole),
      code: optional(text),
      operator: optional(text),
    }),
  ),
});

/** The records of an answer; throws `cluster.bad-document`. */
export function logsAnswer(data: Uint8Array): readonly LogRecord[] {
  return answer(parseBytes(data, 'logs answer'), 'logs answer').records;
}

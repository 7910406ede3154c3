/**
 * Errors of nats.js and of the JetStream API as `CloudskinError`: one table, so that the same cause has the same code wherever it
 * comes up. `doing` says what was tried (`publishing to orders`), for messages.
 */

import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { CloudskinError, externalError, messageOf } from '../../errors.ts';
import { disconnected, noResponders, payloadTooLarge, timedOut } from '../failures.ts';

interface Meaning {
  readonly code: string;
  readonly retry?: boolean;
  readonly hint?: string;
}

/** By the server's `err_code` (nats-server, server/errors.json). */
const API: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [10005, { code: 'nats.no-replicas', retry: true, hint: 'replicas need as many servers in one cluster, all running' }],
  [10008, { code: 'nats.no-responders', retry: true }], // JetStream system temporarily unavailable
  [10009, { code: 'nats.no-responders', retry: true }], // cluster has no leader
  [10014, { code: 'nats.no-consumer', retry: true }],
  [10023, { code: 'nats.stream-full', retry: true, hint: 'give the server more storage' }], // insufficient resources
  [10028, { code: 'nats.stream-full', retry: true, hint: "raise the account's memory limit" }],
  [10029, { code: 'nats.stream-full', retry: true, hint: "raise the server's store or lower maxBytes" }],
  [10039, { code: 'nats.no-jetstream', hint: 'enable JetStream for this account' }],
  [10047, { code: 'nats.stream-full', retry: true, hint: "raise the server's max_file_store, or lower maxBytes" }],
  [10054, { code: 'nats.payload-too-large' }],
  [10059, { code: 'nats.no-stream' }],
  [10070, { code: 'nats.wrong-last-sequence' }], // wrong last message id
  [10071, { code: 'nats.wrong-last-sequence' }],
  [10074, { code: 'nats.no-replicas', hint: 'replicas need as many servers in one cluster' }],
  [10076, { code: 'nats.no-jetstream', hint: 'enable JetStream on this server' }],
  [
    10077,
    { code: 'nats.stream-full', retry: true, hint: 'the stream is full: let its readers catch up or raise maxBytes' },
  ],
  [10118, { code: 'nats.no-responders', retry: true }], // stream is offline
  [10164, { code: 'nats.wrong-last-sequence' }],
]);

/** `error` as a CloudskinError; one that is one already is handed back as it is. */
export function natsError(error: unknown, doing: string): CloudskinError {
  if (error instanceof CloudskinError) return error;
  if (error instanceof JetStreamApiError) return apiError(error, doing);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  return coreError(error, doing) ?? (cause && causeError(cause, doing)) ?? unknownError(error, doing);
}

function make(meaning: Meaning, doing: string, reason: string, cause: unknown): CloudskinError {
  const { code, retry, hint } = meaning;
  return externalError(code, `${doing}: ${reason}`, {
    ...defined({ retry, hint }),
    cause,
  });
}

function apiError(error: JetStreamApiError, doing: string): CloudskinError {
  const meaning = API.get(error.code) ?? { code: 'nats.refused', retry: error.status === 503 };
  return make(meaning, doing, `${error.message} (JetStream error ${error.code})`, error);
}

function coreError(error: unknown, doing: string): CloudskinError | undefined {
  if (error instanceof errors.TimeoutError) {
    return timedOut(doing, error);
  }
  if (error instanceof errors.PermissionViolationError) {
    const hint = "give the connection's user this permission, or connect as another";
    return make({ code: 'nats.permission', hint }, doing, error.message, error);
  }
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    const hint = 'check credentials, nkey, user and password, or token';
    return make({ code: 'nats.permission', hint }, doing, error.message, error);
  }
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError) {
    return make({ code: 'nats.closed' }, doing, 'the connection is closed', error);
  }
  if (error instanceof errors.InvalidArgumentError && error.message.includes('max_payload')) {
    return payloadTooLarge(doing, error);
  }
  if (error instanceof errors.RequestError && error.isNoResponders()) return noResponders(doing, error);
  if (error instanceof errors.RequestError && error.message === 'connection disconnected') return disconnected(doing);
  return undefined;
}

/** nats.js wraps what went wrong in errors of other layers, some as deep as two levels. */
function causeError(cause: Error, doing: string): CloudskinError | undefined {
  if (cause instanceof JetStreamApiError) return apiError(cause, doing);
  return coreError(cause, doing);
}

function unknownError(error: unknown, doing: string): CloudskinError {
  const reason = messageOf(error);
  return make({ code: 'nats.failed', retry: true }, doing, reason, error);
}

/** Failures that both implementations of engine/nats/nats.ts know, and the shape of names: what is refused before anything is sent. */
import { type CloudskinError, externalError, userError } from '../errors.ts';

export function noResponders(doing: string, cause?: unknown): CloudskinError {
  return externalError('nats.no-responders', `${doing}: nobody listens there`, { retry: true, cause });
}

export function timedOut(doing: string, cause?: unknown): CloudskinError {
  return externalError('nats.timeout', `${doing}: no answer in time`, { retry: true, cause });
}

export function payloadTooLarge(doing: string, cause?: unknown): CloudskinError {
  const hint = "send less at once, or raise the server's max_payload";
  return externalError('nats.payload-too-large', `${doing}: the message is larger than the server takes`, {
    hint,
    cause,
  });
}

export function disconnected(doing: string): CloudskinError {
  return externalError('nats.disconnected', `${doing}: the connection to the NATS server is lost`, { retry: true });
}

export function closed(doing: string): CloudskinError {
  return externalError('nats.closed', `${doing}: the connection is closed`);
}

/** For features that a server lacks; `since` is the first version that has them. */
export function unsupported(doing: string, version: string, since: string): CloudskinError {
  return externalError('nats.unsupported', `${doing}: nats-server ${version} cannot do that`, {
    hint: `it takes nats-server ${since} or newer`,
  });
}

/** JetStream's own subjects without an answer: no JetStream, or no such domain. */
export function noJetStream(doing: string, domain: string | undefined, cause?: unknown): CloudskinError {
  const where = domain === undefined ? 'the server' : `the domain ${domain}`;
  return externalError('nats.no-jetstream', `${doing}: JetStream of ${where} does not answer`, {
    retry: true,
    hint: 'enable JetStream there, or check the name of the domain and the permission to use it',
    cause,
  });
}

export function noStream(doing: string, cause?: unknown): CloudskinError {
  return externalError('nats.no-stream', `${doing}: no stream takes it`, {
    retry: true,
    hint: 'make a stream that holds this subject, or wait until its servers are back',
    cause,
  });
}

export function wentBack(stream: string, how: string): CloudskinError {
  return externalError('nats.stream-went-back', `the stream ${stream} is not what it was: ${how}`);
}

/** White space in a subject would end it in the protocol, and what follows would be taken for commands. */
const BAD_SUBJECT = /[\s\0]|^\.|\.$|\.\.|^$/;
const BUCKET = /^[A-Za-z0-9_-]+$/;
const KEY = /^[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*$/;

export function checkSubject(subject: string): void {
  if (BAD_SUBJECT.test(subject)) {
    throw userError('nats.subject', `${JSON.stringify(subject)} is not a subject`, {
      hint: 'a subject is words joined by single dots, without spaces',
    });
  }
}

export function checkBucket(bucket: string): void {
  if (!BUCKET.test(bucket)) throw userError('nats.bucket', `${JSON.stringify(bucket)} is not the name of a bucket`);
}

export function checkKey(key: string): string {
  if (!KEY.test(key)) throw userError('nats.key', `${JSON.stringify(key)} is not a key of a bucket`);
  return key;
}

/**
 * What a guest did wrong, as an error for the person who wrote the graph: which operator, what happened, what to do. Never a stack.
 */
import { CloudskinError, userError } from '../../errors.ts';
import { AbiViolation } from './guest-memory.ts';
import { GuestError } from './lifter.ts';
import { DeadlineExceeded } from './watchdog.ts';

/** True for an error after which the guest's memory cannot be trusted: the instance must not be called again. */
export function isFatal(error: unknown): boolean {
  return !(error instanceof GuestError);
}

function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && /call stack/i.test(error.message);
}

/** What a trap's message says, without the engine's own prefixes. */
function trapText(error: Error): string {
  return isStackOverflow(error) ? 'its call stack is exhausted' : error.message;
}

/**
 * `who` names the operator (`operator score (component ./x.wasm)`), `doing` the call (`processing a batch`). `said` is the guest's last
 * message of level error, often the reason of a trap. Errors that are not the guest's come back as they are.
 */
export function describeGuestError(error: unknown, who: string, doing: string, said: string): unknown {
  if (error instanceof GuestError) {
    const place = error.row === undefined ? '' : ` (row ${error.row.row}${columnText(error.row.column)})`;
    return userError(`component.${error.kind}`, `${who}: ${error.message}${place}`, { cause: error });
  }
  if (error instanceof DeadlineExceeded) {
    return userError('cell.deadline', `${who} was stopped while ${doing}: ${error.message}`, {
      hint: 'it may be in an endless loop; give it smaller batches, or a higher limit for a call',
      cause: error,
    });
  }
  if (error instanceof AbiViolation) {
    return userError(
      'component.abi-violation',
      `${who} broke the component's contract while ${doing}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof CloudskinError && error.code.startsWith('batch.')) {
    return userError(
      'component.malformed-output',
      `${who} returned a malformed batch while ${doing}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof WebAssembly.RuntimeError || isStackOverflow(error)) {
    const reason = said === '' ? '' : ` (it said: ${said})`;
    const text = trapText(error as Error);
    return userError('component.trap', `${who} trapped while ${doing}: ${text}${reason}`, { cause: error });
  }
  if (error instanceof WebAssembly.LinkError || error instanceof TypeError) {
    return userError('component.malformed', `${who} cannot be linked: ${error.message}`, { cause: error });
  }
  return error;
}

function columnText(column: string | undefined): string {
  return column === undefined ? '' : `, column ${column}`;
}

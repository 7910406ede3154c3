/** Errors as agents tell them: in reports, documents and logs. */
import { defined } from '../../defined.ts';
import { CloudskinError, messageOf } from '../../errors.ts';
import { oneOf, optional, type Read, shape, text } from './read-json.ts';

export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface FragmentTrouble extends Trouble {
  readonly domain: 'user' | 'external' | 'internal';
}

export const trouble: Read<Trouble> = shape<Trouble>({ code: text, message: text, hint: optional(text) });

export const fragmentTrouble: Read<FragmentTrouble> = shape<FragmentTrouble>({
  code: text,
  message: text,
  hint: optional(text),
  domain: oneOf<FragmentTrouble['domain']>('user', 'external', 'internal'),
});

/** For the log. */
export function codeField(error: unknown): { readonly code: string } {
  return { code: troubleOf(error).code };
}

export function troubleOf(error: unknown): FragmentTrouble {
  if (error instanceof CloudskinError) {
    const { code, message, hint, domain } = error;
    return { code, message, domain, ...defined({ hint }) };
  }
  return { code: 'internal.unexpected', message: messageOf(error), domain: 'internal' };
}

/** Each problem of an error that has several. */
export function troublesOf(error: unknown): readonly Trouble[] {
  if (!(error instanceof CloudskinError)) {
    return [{ code: 'internal.unexpected', message: messageOf(error) }];
  }
  const { code, message, hint, problems } = error;
  if (problems.length === 0) return [{ code, message, ...defined({ hint }) }];
  return problems.map((problem) => ({
    code: problem.code,
    message: problem.message,
    ...defined({ hint: problem.hint }),
  }));
}

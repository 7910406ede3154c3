/**
 * `${secret:name}`: kept as written through parsing, planning and explaining, and resolved by the runtime just before a
 * connector or component is opened. No value ever enters a message.
 */
import { userError } from '../errors.ts';

const REFERENCE = /\$\{secret:([A-Za-z0-9_][A-Za-z0-9_.-]*)\}/g;

/** The value of a secret, or undefined where there is none of that name. */
export type SecretLookup = (name: string) => string | undefined;

/**
 * `value` with every `${secret:name}` in its strings replaced; plain objects and arrays are copied, anything else is handed
 * through. Throws `secret.missing`, naming the secret, never a value.
 */
export function resolveSecrets(value: unknown, lookup: SecretLookup): unknown {
  if (typeof value === 'string') return value.replace(REFERENCE, (_, name: string) => secret(name, lookup));
  if (Array.isArray(value)) return value.map((item) => resolveSecrets(item, lookup));
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveSecrets(item, lookup)]));
}

/**
 * Secrets from the environment: `CLOUDSKIN_SECRET_` and the name in capitals, `.` and `-` as `_`; else the file of that name in
 * the directory `CLOUDSKIN_SECRETS` names, without its last line end (as Docker and Kubernetes mount secrets).
 */
export function environmentSecrets(
  environment: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string | undefined,
): SecretLookup {
  return (name) => {
    const variable = `CLOUDSKIN_SECRET_${name.toUpperCase().replace(/[.-]/g, '_')}`;
    const value = environment[variable];
    if (value !== undefined) return value;
    const directory = environment.CLOUDSKIN_SECRETS;
    if (directory === undefined || directory === '' || name.includes('..')) return undefined;
    return readFile(`${directory}/${name}`)?.replace(/\r?\n$/, '');
  };
}

/** True where a text holds a reference to a secret. */
export function hasSecret(text: string): boolean {
  return text.search(REFERENCE) >= 0;
}

function secret(name: string, lookup: SecretLookup): string {
  const value = lookup(name);
  if (value !== undefined) return value;
  const variable = `CLOUDSKIN_SECRET_${name.toUpperCase().replace(/[.-]/g, '_')}`;
  throw userError('secret.missing', `the secret "${name}" is not set`, {
    hint: `set ${variable}, or put it into a file ${name} in the directory that CLOUDSKIN_SECRETS names`,
  });
}

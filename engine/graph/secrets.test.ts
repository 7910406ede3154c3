import { describe, expect, it } from 'vitest';
import { CloudskinError } from '../errors.ts';
import { environmentSecrets, hasSecret, resolveSecrets } from './secrets.ts';

describe('a secret', () => {
  const none = (): undefined => undefined;

  it('is put in wherever strings stand in options, and the options are left as they were', () => {
    const options = { url: `nats://\${secret:user}:\${secret:pass}@host`, list: [`\${secret:user}`, 3], none: null };
    const lookup = (name: string): string => name.toUpperCase();
    expect(resolveSecrets(options, lookup)).toEqual({ url: 'nats://USER:PASS@host', list: ['USER', 3], none: null });
    expect(options.list[0]).toBe(`\${secret:user}`);
  });

  it('whose value looks like a reference or a replacement pattern is put in as it is', () => {
    const value = `\${secret:b} $& $' $1`;
    expect(resolveSecrets(`\${secret:a}`, () => value)).toBe(value);
  });

  it('comes from the environment, else from a file without its last line end', () => {
    const lookup = environmentSecrets({ CLOUDSKIN_SECRET_API_KEY: 'e', CLOUDSKIN_SECRETS: '/run/secrets' }, (path) =>
      path === '/run/secrets/token' ? 'f\n' : undefined,
    );
    expect([lookup('api.key'), lookup('api-key'), lookup('token'), lookup('other')]).toEqual([
      'e',
      'e',
      'f',
      undefined,
    ]);
    expect(environmentSecrets({}, () => 'f')('token')).toBeUndefined();
    expect(environmentSecrets({ CLOUDSKIN_SECRETS: '/s' }, () => 'f')('a..b')).toBeUndefined();
  });

  it('that is missing is named, and nothing else is', () => {
    const attempt = (): unknown =>
      resolveSecrets({ a: `known \${secret:b}`, c: `\${secret:gone}` }, (name) =>
        name === 'b' ? 'hunter2' : undefined,
      );
    expect(attempt).toThrow(CloudskinError);
    expect(attempt).toThrow('the secret "gone" is not set');
    expect(attempt).not.toThrow(/hunter2/);
  });

  it('is seen in a text every time it is looked for', () => {
    expect([hasSecret(`x\${secret:a}`), hasSecret(`x\${secret:a}`), hasSecret(`\${a}`), hasSecret('')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(resolveSecrets('plain', none)).toBe('plain');
  });
});

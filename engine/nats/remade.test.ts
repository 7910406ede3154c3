/** A bucket that its server has lost. */
import { describe, expect, it } from 'vitest';
import { externalError } from '../errors.ts';
import { remade } from './remade.ts';

class Shelf {
  readonly #lost: () => string | undefined;

  constructor(lost: () => string | undefined) {
    this.#lost = lost;
  }

  async get(name: string): Promise<string> {
    const code = this.#lost();
    if (code !== undefined) throw externalError(code, 'it is not there');
    return name;
  }
}

describe('a bucket that may be lost', () => {
  it('is made anew by the call that misses it, which is tried once more', async () => {
    let code: string | undefined;
    let made = 0;
    const shelf = await remade(async () => {
      made += 1;
      code = undefined;
      return new Shelf(() => code);
    });
    expect(await shelf.get('a')).toBe('a');
    for (const lost of ['nats.no-stream', 'nats.no-responders']) {
      code = lost;
      expect(await shelf.get(lost)).toBe(lost);
    }
    expect(made).toBe(3);
  });

  it('says what went wrong otherwise, and when it is not there even then', async () => {
    let code = 'nats.disconnected';
    let made = 0;
    const shelf = await remade(async () => {
      made += 1;
      return new Shelf(() => code);
    });
    await expect(shelf.get('a')).rejects.toMatchObject({ code: 'nats.disconnected' });
    expect(made).toBe(1);
    code = 'nats.no-stream';
    await expect(shelf.get('a')).rejects.toMatchObject({ code: 'nats.no-stream' });
    expect(made).toBe(2);
  });
});

import { expect, test } from 'vitest';
import { appArguments, appTitle } from './app-words.ts';
import { tooLate } from './await-app.ts';

test('a change that takes too long is called what it is, and its app as a command takes it', () => {
  const pausing = { timeout: 60_000, change: { doing: 'pausing', late: 'pause.not-done' } };
  expect(tooLate({ namespace: 'test', app: 'shop' }, ['hub at hub/hub-1 is opening'], pausing)).toMatchObject({
    code: 'pause.not-done',
    message: 'pausing test/shop is not done after 60 s: hub at hub/hub-1 is opening',
    hint: 'it goes on trying: cloudskin status shop -n test, cloudskin logs shop -n test',
  });
  expect(tooLate({ namespace: 'default', app: 'shop' }, ['x'], { timeout: 1_500 })).toMatchObject({
    code: 'deploy.not-ready',
    message: 'shop is not there after 1.5 s: x',
  });
});

test('an app of the namespace that commands take unless told otherwise needs none', () => {
  const app = { namespace: 'default', app: 'shop' };
  expect([appTitle(app), appArguments(app)]).toEqual(['shop', 'shop']);
});

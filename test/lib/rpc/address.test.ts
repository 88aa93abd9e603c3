// Addresses as users give them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Environment } from '#base';
import { addressProblem, readAddress, readServiceProcess } from '#rpc';
import { refusal } from '../../support/refusal.js';

test('an address is host:port with a port that there is', () => {
  for (const good of [
    '127.0.0.1:0',
    'localhost:65535',
    '[::1]:7000',
    'dns:///scorer.ddk.svc:50051',
    'unix:/run/ddk.sock',
  ])
    assert.equal(addressProblem(good), undefined, good);
  for (const bad of ['foo', 'localhost', 'host:', ':7000', 'http://host:7000', 'a b:1', '::1:7000', ''])
    assert.match(addressProblem(bad) ?? '', /^must be host:port/, bad);
  for (const bad of ['h:65536', '127.0.0.1:999999'])
    assert.match(addressProblem(bad) ?? '', /^must end with a port from 0 to 65535/, bad);
});

test('a variable that holds none is named with its value, beside all others', () => {
  const env = new Environment({ DDK_LISTEN: 'foo', DDK_TEACHER_ADDRESS: 'h:70000' });
  readAddress(env, 'DDK_TEACHER_ADDRESS');
  readAddress(env, 'DDK_TRAINER_ADDRESS');
  readServiceProcess(env);
  assert.deepEqual(refusal(() => env.done()).violations, [
    { field: 'DDK_TEACHER_ADDRESS', description: 'must end with a port from 0 to 65535, is "h:70000"' },
    { field: 'DDK_TRAINER_ADDRESS', description: 'is not set; give a value' },
    { field: 'DDK_LISTEN', description: 'must be host:port, such as 127.0.0.1:7000, is "foo"' },
  ]);
});

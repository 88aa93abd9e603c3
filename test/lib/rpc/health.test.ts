// Health that follows its checks, and servers that drain.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, silentLogger } from '#base';
import { createClient, Health, HealthService } from '#rpc';
import { failure, withEcho } from './echo.js';

test('a server is serving while its checks are well, and says so by service', () =>
  withEcho({}, async ({ server, health }) => {
    let storeWorks = true;
    health.add('store', () => {
      if (!storeWorks) throw new DdkError('unavailable', 'the folder is read-only');
    });
    health.add('session', () => 'cpu', { services: ['other.Service'] });
    const client = await createClient(HealthService, server.address);
    try {
      assert.deepEqual(await client.check({ service: '' }), { status: 'SERVING' });
      assert.deepEqual(await client.check({ service: 'test.Echo' }), { status: 'SERVING' });
      storeWorks = false;
      assert.deepEqual(await client.check({ service: 'test.Echo' }), { status: 'NOT_SERVING' });
      await assert.rejects(client.check({ service: 'nobody' }), failure('not_found', /nobody/));
      assert.deepEqual((await health.report()).checks, [
        { name: 'store', healthy: false, detail: 'the folder is read-only' },
        { name: 'session', healthy: true, detail: 'cpu' },
      ]);
      assert.deepEqual(await client.list({}), {
        statuses: {
          '': { status: 'NOT_SERVING' },
          'test.Echo': { status: 'NOT_SERVING' },
          'test.Echo/store': { status: 'NOT_SERVING' },
        },
      });
      assert.deepEqual(await client.check({ service: 'test.Echo/store' }), { status: 'NOT_SERVING' });
      await assert.rejects(client.check({ service: 'test.Echo/session' }), failure('not_found', /session/));
      storeWorks = true;
      assert.deepEqual(await client.check({ service: 'test.Echo/store' }), { status: 'SERVING' });
    } finally {
      client.close();
    }
  }));

test('a check that concerns another service does not make this one ill', async () => {
  const health = new Health({ logger: silentLogger });
  health.set('session', false, 'the last scoring failed');
  health.add('bus', () => undefined, { services: ['a.A'] });
  assert.equal((await health.report('b.B')).serving, false);
  health.set('session', true, 'cpu');
  health.add('bus', () => Promise.reject(new Error('disconnected')), { services: ['a.A'] });
  assert.equal((await health.report('b.B')).serving, true);
  assert.equal((await health.report('a.A')).serving, false);
});

test('who asks for one name waits for the checks of that name alone', () =>
  withEcho({}, async ({ server, health }) => {
    let asked = 0;
    health.add('teacher', () => {
      asked += 1;
      return new Promise(() => {});
    });
    health.add('store', () => undefined);
    const client = await createClient(HealthService, server.address);
    try {
      assert.deepEqual(await client.check({ service: 'test.Echo/store' }), { status: 'SERVING' });
      await assert.rejects(
        client.check({ service: 'test.Echo/stores' }),
        failure(
          'not_found',
          /"test\.Echo\/stores"; it has test\.Echo, test\.Echo\/teacher, test\.Echo\/store$/,
        ),
      );
      for await (const { status } of client.watch({ service: 'test.Echo/store' })) {
        assert.equal(status, 'SERVING');
        break;
      }
      assert.equal(asked, 0);
      health.drain();
      assert.deepEqual(await client.check({ service: 'test.Echo/store' }), { status: 'NOT_SERVING' });
      assert.equal(asked, 0);
    } finally {
      client.close();
    }
  }));

test('a check is asked again when its own answer is old, and once by all who ask at a time', async () => {
  const health = new Health({ logger: silentLogger, maxAgeMs: 60_000 });
  const asked: string[] = [];
  for (const name of ['store', 'bus']) health.add(name, () => void asked.push(name));
  await health.report('a.A', 'store');
  await Promise.all([health.report(), health.report('a.A'), health.report('a.A', 'store')]);
  assert.deepEqual(asked, ['store', 'bus']);
  health.add('store', () => void asked.push('another store'));
  await health.report();
  assert.deepEqual(asked, ['store', 'bus', 'another store']);
});

test('a check that never answers has failed', async () => {
  const health = new Health({ logger: silentLogger, timeoutMs: 20 });
  health.add('bus', () => new Promise(() => {}));
  const keepAlive = setInterval(() => {}, 1000);
  const { serving, checks } = await health.report();
  clearInterval(keepAlive);
  assert.equal(serving, false);
  assert.equal(checks[0]?.detail, 'no answer within 20 ms');
});

test('a watcher is told of every reported change, and let go when the server drains', () =>
  withEcho({}, async ({ server, health }) => {
    const client = await createClient(HealthService, server.address);
    const seen: string[] = [];
    for await (const { status } of client.watch({ service: '' })) {
      seen.push(status);
      if (seen.length === 1) health.set('session', false, 'lost');
      if (seen.length === 2) health.set('session', true, 'back');
      if (seen.length === 3) void server.drain(10_000);
    }
    assert.deepEqual(seen, ['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING']);
    client.close();
  }));

test('a draining server finishes its streams and takes no new calls', async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  await withEcho(
    {
      async *tell() {
        yield { text: 'before' };
        await gate;
        yield { text: 'after' };
      },
    },
    async ({ client, server }) => {
      const got: string[] = [];
      let drained: Promise<void> | undefined;
      for await (const { text } of client.tell({ text: '' })) {
        got.push(text);
        if (drained === undefined) {
          drained = server.drain(10_000);
          await assert.rejects(client.ask({ text: 'late' }, { timeoutMs: 1_000 }));
          release();
        }
      }
      await drained;
      assert.deepEqual(got, ['before', 'after']);
    },
  );
});

test('a stream that outlasts the grace time is cut', async () => {
  await withEcho(
    {
      async *tell(_note, { signal }) {
        yield { text: 'before' };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    },
    async ({ client, server }) => {
      await assert.rejects(async () => {
        for await (const _ of client.tell({ text: '' })) await server.drain(50);
      });
    },
  );
});

test('work in hand is told to halt before calls are waited for, and released once, after the last of them', async () => {
  const order: string[] = [];
  let halt = (): void => {};
  const halted = new Promise<void>((resolve) => {
    halt = resolve;
  });
  await withEcho(
    {
      async *tell() {
        yield { text: 'before' };
        await halted;
        order.push('call ends');
      },
    },
    async ({ client, server }) => {
      let drained: Promise<void> | undefined;
      for await (const _ of client.tell({ text: '' })) drained = server.drain(10_000);
      await drained;
      await server.close();
    },
    {
      halt() {
        order.push('halt');
        halt();
      },
      release: async () => void order.push('release'),
    },
  );
  assert.deepEqual(
    order.filter((what, i) => order.indexOf(what) === i),
    ['halt', 'call ends', 'release'],
  );
  assert.equal(order.filter((what) => what === 'release').length, 1);
});

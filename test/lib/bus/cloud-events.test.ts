// Headers of events.

import assert from 'node:assert/strict';
import test from 'node:test';
import { cloudEventHeaders } from '#bus';

test('an event has the headers of the CloudEvents NATS binding', () => {
  assert.deepEqual(
    cloudEventHeaders({
      id: 'r1/3/trained',
      type: 'ddk.v1.IntervalTrained',
      source: 'ddk/student-trainer',
      subject: 'runs/Größe "100%"',
      timeMs: 1_700_000_000_000,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    }),
    {
      'ce-specversion': '1.0',
      'ce-id': 'r1/3/trained',
      'ce-type': 'ddk.v1.IntervalTrained',
      'ce-source': 'ddk/student-trainer',
      'ce-subject': 'runs/Gr%C3%B6%C3%9Fe%20%22100%25%22',
      'ce-time': '2023-11-14T22:13:20.000Z',
      'content-type': 'application/protobuf',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
  );
});

test('an event outside a trace has no trace parent', () => {
  const headers = cloudEventHeaders({ id: 'a', type: 't', source: 's', subject: 'x', timeMs: 0 });
  assert.ok(!('traceparent' in headers));
});

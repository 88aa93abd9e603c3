// Reflection, asked the way grpcurl asks.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { silentLogger } from '#base';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { createClient, Health, type MethodDefinition, service, startServer } from '#rpc';
import { collect } from './echo.js';

interface ReflectionResponse {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
}

/** The public reflection service, from the .proto file that @grpc/reflection carries. */
function reflectionDefinition() {
  const require = createRequire(import.meta.url);
  const { loadSync } = require('@grpc/proto-loader');
  const folder = path.dirname(require.resolve('@grpc/reflection/package.json'));
  const loaded = loadSync(path.join(folder, 'build/proto/grpc/reflection/v1/reflection.proto'), {
    oneofs: true,
  });
  const method = loaded['grpc.reflection.v1.ServerReflection'].ServerReflectionInfo;
  return { info: { ...method, requestStream: true, responseStream: true } } as {
    readonly info: MethodDefinition<Record<string, string>, ReflectionResponse> & {
      readonly requestStream: true;
      readonly responseStream: true;
    };
  };
}

test('reflection lists the services that are served and describes their methods', async () => {
  const server = await startServer({
    address: '127.0.0.1:0',
    services: [
      service(DomainEvaluatorServiceService, {
        describeEvaluator: () => Promise.reject(new Error('not asked here')),
        async *evaluateGaps() {
          yield { event: undefined };
        },
      }),
    ],
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
  });
  const client = await createClient(reflectionDefinition(), server.address);
  try {
    const [listed, described] = await collect(
      client.info([{ listServices: '*' }, { fileContainingSymbol: 'ddk.v1.DomainEvaluatorService' }]),
    );
    const names = listed?.listServicesResponse?.service.map(({ name }) => name).sort();
    assert.deepEqual(names, ['ddk.v1.DomainEvaluatorService', 'grpc.health.v1.Health']);
    const files = described?.fileDescriptorResponse?.fileDescriptorProto ?? [];
    const text = Buffer.concat(files).toString('latin1');
    assert.ok(
      text.includes('EvaluateGaps') && text.includes('google.protobuf'),
      'the descriptors name the method',
    );
    // What grpcurl needs to resolve a Timestamp: field 3 of a FileDescriptorProto, a dependency, of 21 bytes.
    assert.ok(text.includes('\x1a\x15google_protobuf.proto'), 'the descriptors import what they use');
  } finally {
    client.close();
    await server.close();
  }
});

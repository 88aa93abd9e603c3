// Reflection, asked the way grpcurl asks, and believed as little: a registry is built from what it says.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { silentLogger } from '#base';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient, Health, type MethodDefinition, service, startServer } from '#rpc';
import { collect } from './echo.js';

interface ReflectionResponse {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

type Version = 'v1' | 'v1alpha';

/** The public reflection service, from the .proto file that @grpc/reflection carries. */
function reflectionDefinition(version: Version) {
  const require = createRequire(import.meta.url);
  const { loadSync } = require('@grpc/proto-loader');
  const folder = path.dirname(require.resolve('@grpc/reflection/package.json'));
  const file = path.join(folder, `build/proto/grpc/reflection/${version}/reflection.proto`);
  const loaded = loadSync(file, { oneofs: true });
  const method = loaded[`grpc.reflection.${version}.ServerReflection`].ServerReflectionInfo;
  return { info: { ...method, requestStream: true, responseStream: true } } as {
    readonly info: MethodDefinition<Record<string, string>, ReflectionResponse> & {
      readonly requestStream: true;
      readonly responseStream: true;
    };
  };
}

const definitions = [
  SchedulerServiceService,
  StudentTrainerServiceService,
  DomainEvaluatorServiceService,
  TeacherScoringServiceService,
];

/** Answers one question after the other; a refused one fails the test. */
type Ask = (question: Record<string, string>) => Promise<ReflectionResponse>;

/** Runs a test against a server that has every service of ddk, none of which is ever called. */
async function withReflection(version: Version, body: (ask: Ask) => Promise<void>): Promise<void> {
  const unused = () => Promise.reject(new Error('not asked here'));
  const server = await startServer({
    address: '127.0.0.1:0',
    services: definitions.map((definition) =>
      service(
        definition as never,
        Object.fromEntries(Object.keys(definition).map((name) => [name, unused])) as never,
      ),
    ),
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
  });
  const client = await createClient(reflectionDefinition(version), server.address);
  try {
    await body(async (question) => {
      const [response] = await collect(client.info([question]));
      assert.ok(response !== undefined && !response.errorResponse, response?.errorResponse?.errorMessage);
      return response;
    });
  } finally {
    client.close();
    await server.close();
  }
}

/** The file that declares a symbol with all that it imports, asked for file by file where an answer leaves one out. */
async function registryOf(symbol: string, ask: Ask): Promise<FileRegistry> {
  const files = new Map<string, FileDescriptorProto>();
  const take = ({ fileDescriptorResponse }: ReflectionResponse): FileDescriptorProto => {
    const [first, ...others] = (fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    assert.ok(first);
    for (const file of [first, ...others]) files.set(file.name, file);
    return first;
  };
  const declaring = take(await ask({ fileContainingSymbol: symbol }));
  for (const { dependency } of files.values()) {
    for (const name of dependency) if (!files.has(name)) take(await ask({ fileByFilename: name }));
  }
  return createFileRegistry(declaring, (name) => files.get(name));
}

/** The fields of a message by their names in the contract; fails where the registry has no such message. */
function fieldsOf(registry: FileRegistry, message: string): string[] {
  const described = registry.getMessage(message);
  assert.ok(described, `${message} is described`);
  return described.fields.map(({ name }) => name);
}

for (const version of ['v1', 'v1alpha'] as const) {
  test(`a registry can be built for every service that reflection ${version} lists`, () =>
    withReflection(version, async (ask) => {
      const { listServicesResponse } = await ask({ listServices: '*' });
      const names = listServicesResponse?.service.map(({ name }) => name) ?? [];
      assert.deepEqual([...names].sort(), [
        'ddk.v1.DomainEvaluatorService',
        'ddk.v1.SchedulerService',
        'ddk.v1.StudentTrainerService',
        'ddk.v1.TeacherScoringService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ]);
      for (const name of names) {
        const registry = await registryOf(name, ask);
        assert.ok(registry.getService(name)?.methods.length, `${name} has methods`);
      }
    }));
}

test('what is served is what is described: every method, its kind, and the names of the fields as the contract has them', () =>
  withReflection('v1', async (ask) => {
    for (const definition of definitions) {
      for (const { path: called, requestStream, responseStream } of Object.values(definition)) {
        const [name = '', method] = called.slice(1).split('/');
        const described = (await registryOf(name, ask))
          .getService(name)
          ?.methods.find((one) => one.name === method);
        const kind = `${requestStream ? 'bidi' : responseStream ? 'server' : 'un'}`;
        assert.ok(described?.methodKind.startsWith(kind), `${called} is ${described?.methodKind}`);
      }
    }
    const scheduler = await registryOf('ddk.v1.SchedulerService', ask);
    assert.deepEqual(fieldsOf(scheduler, 'ddk.v1.ResumeRunRequest'), ['run', 'extend_by_intervals']);
    assert.ok(fieldsOf(scheduler, 'ddk.v1.RunSpec').includes('base_checkpoint_digest'));
    const measuredAt = scheduler.getMessage('ddk.v1.Interval')?.field.measuredAt;
    assert.equal(measuredAt?.message?.typeName, 'google.protobuf.Timestamp');
    assert.ok(
      fieldsOf(await registryOf('ddk.v1.StudentTrainerService', ask), 'ddk.v1.GetProgressRequest').includes(
        'run_id',
      ),
    );
    assert.ok(
      fieldsOf(await registryOf('ddk.v1.DomainEvaluatorService', ask), 'ddk.v1.EvaluationSubject').includes(
        'corpus_digest',
      ),
    );
  }));

test('health is described with its map of statuses', () =>
  withReflection('v1', async (ask) => {
    const registry = await registryOf('grpc.health.v1.Health', ask);
    const statuses = registry.getMessage('grpc.health.v1.HealthListResponse')?.field.statuses;
    assert.equal(statuses?.fieldKind, 'map');
    assert.equal(statuses?.message?.typeName, 'grpc.health.v1.HealthCheckResponse');
  }));

test('the details of a refusal are described, although no method names them', () =>
  withReflection('v1', async (ask) => {
    for (const [message, field] of [
      ['google.rpc.BadRequest', 'field_violations'],
      ['google.rpc.ErrorInfo', 'metadata'],
      ['google.rpc.RetryInfo', 'retry_delay'],
      ['google.rpc.Status', 'details'],
    ] as const)
      assert.ok(fieldsOf(await registryOf(message, ask), message).includes(field));
  }));

test('the comments of the contract are part of what is described', () =>
  withReflection('v1', async (ask) => {
    const { fileDescriptorResponse } = await ask({ fileByFilename: 'ddk/v1/scheduler.proto' });
    const file = fromBinary(FileDescriptorProtoSchema, fileDescriptorResponse!.fileDescriptorProto[0]!);
    assert.ok(
      file.sourceCodeInfo?.location.some(({ leadingComments }) => leadingComments.includes('Newest first.')),
    );
  }));

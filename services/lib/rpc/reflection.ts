// gRPC server reflection from the .proto files of the package, so that grpcurl can list and call the services.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import {
  type AnyDefinition,
  type EnumTypeDefinition,
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
} from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { assert } from '#base';

const healthProto = 'health/v1/health.proto';
let loaded: PackageDefinition | undefined;

/** Adds reflection of the named services (fully-qualified) to a server. */
export function addReflection(server: Server, services: readonly string[]): void {
  loaded ??= loadProtos(path.join(packageRoot(), 'proto'));
  new ReflectionService(loaded, { services: [...services] }).addToServer(server);
}

function loadProtos(folder: string): PackageDefinition {
  const services = path.join(folder, 'ddk', 'v1');
  const files = readdirSync(services).filter((name) => name.endsWith('.proto'));
  const definition = loadSync([...files.map((name) => path.join('ddk', 'v1', name)), healthProto], {
    includeDirs: [folder, healthProtoPath.slice(0, -healthProto.length)],
  });
  for (const one of Object.values(definition)) {
    if (!isDescribed(one)) continue;
    one.fileDescriptorProtos = withImports(one.fileDescriptorProtos);
  }
  return definition;
}

function isDescribed(one: AnyDefinition): one is MessageTypeDefinition<object, object> | EnumTypeDefinition {
  return Array.isArray(one.fileDescriptorProtos);
}

/**
 * The loader writes one descriptor a package and leaves out what it imports; grpcurl then knows no Timestamp. Our package's
 * descriptor gets the import: a message may be continued by appending fields to its bytes (Protocol Buffers, encoding).
 */
function withImports(descriptors: readonly Buffer[]): Buffer[] {
  const nameField = 0x0a;
  const dependencyField = 0x1a;
  const field = (tag: number, text: string): Buffer =>
    Buffer.concat([Buffer.of(tag, Buffer.byteLength(text)), Buffer.from(text)]);
  const isOf = (descriptor: Buffer, file: string): boolean => {
    const name = field(nameField, file);
    return descriptor.subarray(0, name.byteLength).equals(name);
  };
  const [own, imported] = ['ddk_v1.proto', 'google_protobuf.proto'];
  if (!descriptors.some((descriptor) => isOf(descriptor, imported))) return [...descriptors];
  return descriptors.map((descriptor) =>
    isOf(descriptor, own) ? Buffer.concat([descriptor, field(dependencyField, imported)]) : descriptor,
  );
}

/** The folder with package.json, whether this file runs from dist or from its source. */
function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!(existsSync(path.join(folder, 'package.json')) && existsSync(path.join(folder, 'proto')))) {
    const parent = path.dirname(folder);
    assert(parent !== folder, 'the proto folder lies beside package.json');
    folder = parent;
  }
  return folder;
}

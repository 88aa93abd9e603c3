// gRPC server reflection from the .proto files of the package, so that grpcurl can list and call the services.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
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
  return loadSync([...files.map((name) => path.join('ddk', 'v1', name)), healthProto], {
    includeDirs: [folder, healthProtoPath.slice(0, -healthProto.length)],
  });
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

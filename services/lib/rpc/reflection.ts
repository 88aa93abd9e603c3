// gRPC server reflection: the compiled descriptors of the contracts, as grpcurl and other generic clients ask for them.
import type { Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { descriptors } from '#proto/descriptors';

const reflectionServices = [
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/**
 * Adds reflection, v1 and v1alpha, of the named services (fully-qualified) and of itself to a server. Whatever contracts
 * are not served can be asked for too: a client decodes the details of an error with them.
 */
export function addReflection(server: Server, services: readonly string[]): void {
  new ReflectionService(described(), { services: [...services, ...reflectionServices] }).addToServer(server);
}

/**
 * The descriptors in the form that the library takes. It reads nothing else of a definition, which proto-loader would fill
 * with descriptors of its own making: one file a package, without imports.
 */
function described(): PackageDefinition {
  const fileDescriptorProtos = Object.values(descriptors).map((bytes) => Buffer.from(bytes, 'base64'));
  return { all: { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } };
}

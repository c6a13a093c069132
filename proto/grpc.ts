// Generated service descriptors → the forms that grpc-js and its reflection service need.
import {
  create,
  type DescFile,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

type UnaryMethod = MethodDefinition<Message, Message>;

/** The method table of a service, keyed by method name. Throws for streaming methods. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, unary(method)]));
}

/** The path of a method, as gRPC requests name it. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function unary(method: DescMethod): UnaryMethod {
  if (method.methodKind !== "unary") {
    throw new Error(
      `${method.parent.typeName}.${method.name} is a streaming method; serve it separately`,
    );
  }
  return {
    path: methodPath(method),
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) =>
      Buffer.from(toBinary(method.output, create(method.output, message))),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** The files of the services and all their imports as serialized FileDescriptorProtos, for reflection. */
export function reflectionFiles(services: readonly DescService[]): Buffer[] {
  const files = new Map<string, DescFile>();
  const visit = (file: DescFile): void => {
    if (files.has(file.name)) return;
    files.set(file.name, file);
    for (const dependency of file.dependencies) visit(dependency);
  };
  for (const service of services) visit(service.file);
  return [...files.values()].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
}

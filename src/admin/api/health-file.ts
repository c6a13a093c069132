// The file of the health service, for reflection: what protoc makes of grpc/health/v1/health.proto.
// The library that serves it hands out relative type names, which reflection clients refuse.
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  type MethodDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

const PACKAGE = "grpc.health.v1";

export const HEALTH_SERVICE = `${PACKAGE}.Health`;

type Field = MessageInitShape<typeof FieldDescriptorProtoSchema>;
type Method = MessageInitShape<typeof MethodDescriptorProtoSchema>;

/** The file as a serialized FileDescriptorProto. */
export function healthFile(): Buffer {
  return Buffer.from(toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, FILE)));
}

function text(name: string): Field {
  return { name, jsonName: name, number: 1, label: Label.OPTIONAL, type: Type.STRING };
}

function message(name: string, number: number, typeName: string, label = Label.OPTIONAL): Field {
  const type = Type.MESSAGE;
  return { name, jsonName: name, number, label, type, typeName: `.${PACKAGE}.${typeName}` };
}

function method(name: string, input: string, output: string): Method {
  return { name, inputType: `.${PACKAGE}.${input}`, outputType: `.${PACKAGE}.${output}` };
}

const FILE: MessageInitShape<typeof FileDescriptorProtoSchema> = {
  name: "grpc/health/v1/health.proto",
  package: PACKAGE,
  syntax: "proto3",
  messageType: [
    { name: "HealthListRequest" },
    {
      name: "HealthListResponse",
      field: [message("statuses", 1, "HealthListResponse.StatusesEntry", Label.REPEATED)],
      nestedType: [
        {
          name: "StatusesEntry",
          field: [text("key"), message("value", 2, "HealthCheckResponse")],
          options: { mapEntry: true },
        },
      ],
    },
    { name: "HealthCheckRequest", field: [text("service")] },
    {
      name: "HealthCheckResponse",
      field: [
        {
          ...message("status", 1, "HealthCheckResponse.ServingStatus"),
          type: Type.ENUM,
        },
      ],
      enumType: [
        {
          name: "ServingStatus",
          value: ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].map((name, number) => ({
            name,
            number,
          })),
        },
      ],
    },
  ],
  service: [
    {
      name: "Health",
      method: [
        method("Check", "HealthCheckRequest", "HealthCheckResponse"),
        {
          ...method("Watch", "HealthCheckRequest", "HealthCheckResponse"),
          serverStreaming: true,
        },
        method("List", "HealthListRequest", "HealthListResponse"),
      ],
    },
  ],
};

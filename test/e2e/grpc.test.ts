// gRPC: the same methods by another way in, with health and reflection.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import {
  create,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageShape,
} from "@bufbuild/protobuf";
import { anyUnpack, EmptySchema, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  Client,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { BadRequestSchema, ErrorInfoSchema } from "../../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../proto/gen/google/rpc/status_pb.ts";
import {
  GetPermissionsRequestSchema,
  GroupSchema,
  PermissionDocumentSchema,
  ProjectPermissionsService,
  ReplacePermissionsRequestSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  CreateProjectRequestSchema,
  ProjectService,
} from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { LoginRequestSchema, UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { serviceDefinition } from "../../proto/grpc.ts";
import { Api } from "../harness/client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

let program: Program;
let client: Client;
let token: string;

beforeAll(async () => {
  program = await startProgram();
  client = new Client(new URL(program.urls.grpc).host, credentials.createInsecure());
  const login = create(LoginRequestSchema, { username: "admin", password: adminPassword });
  token = (await call(UserService.method.login, login)).message.token;
});

afterAll(async () => {
  client.close();
  await program[Symbol.asyncDispose]();
});

interface Answered<M> {
  readonly message: M;
  readonly trailers: Metadata;
}

/** One unary call; rejects with grpc-js' ServiceError. */
function call<Method extends DescMethod>(
  method: Method,
  request: MessageShape<Method["input"]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Answered<MessageShape<Method["output"]>>> {
  const definition = serviceDefinition(method.parent)[method.name];
  if (definition === undefined) throw new Error(`no ${method.name}`);
  const sent = new Metadata();
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
  return new Promise((resolve, reject) => {
    let trailers = new Metadata();
    const running: ClientUnaryCall = client.makeUnaryRequest<Message, Message>(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      request,
      sent,
      (error, message) => {
        if (error !== null) reject(error);
        else
          queueMicrotask(() =>
            resolve({ message: message as MessageShape<Method["output"]>, trailers }),
          );
      },
    );
    running.on("status", ({ metadata }) => {
      trailers = metadata;
    });
  });
}

const session = () => ({ authorization: `Bearer ${token}` });

async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  try {
    await promise;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("the call succeeded");
}

function details(error: ServiceError) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const packed = fromBinary(StatusSchema, bytes as Buffer).details;
  const info = packed.map((any) => anyUnpack(any, ErrorInfoSchema)).find(Boolean);
  const badRequest = packed.map((any) => anyUnpack(any, BadRequestSchema)).find(Boolean);
  return { reason: info?.reason, fields: badRequest?.fieldViolations.map(({ field }) => field) };
}

async function newProject(alias: string): Promise<string> {
  const request = create(CreateProjectRequestSchema, { alias });
  return (await call(ProjectService.method.createProject, request, session())).message.id;
}

describe("gRPC", () => {
  test("writes a document that REST then reads, with its etag and revision in the trailers", async () => {
    const id = await newProject("grpc-writes");
    const office = create(GroupSchema, { type: "ip", range: "203.0.113.7/24" });
    const document = create(PermissionDocumentSchema, {
      groups: { office },
      permissions: { office: { terminal: [1, 2] } },
    });
    const request = create(ReplacePermissionsRequestSchema, { id, document });
    const written = await call(ProjectPermissionsService.method.replacePermissions, request, {
      ...session(),
      "if-match": "file:v0",
    });
    expect(written.trailers.get("etag")).toEqual(["file:v1"]);
    expect(written.trailers.get("x-realmgate-revision")).toHaveLength(1);

    const api = new Api(program.urls.rest, `Bearer ${token}`);
    expect(await api.data("GET", `/projects/${id}/proxy/permissions`)).toMatchObject({
      groups: { office: { type: "ip", range: "203.0.113.0/24" } },
      permissions: { office: { terminal: [1, 2] } },
      default: "deny",
      etag: "file:v1",
    });
  });

  test.each([
    { why: "no credential", metadata: {}, code: status.UNAUTHENTICATED, reason: "MISSING_TOKEN" },
    {
      why: "not a token of ours",
      metadata: { authorization: "Bearer x.y.z" },
      code: status.UNAUTHENTICATED,
      reason: "INVALID_TOKEN",
    },
  ])("refuses a caller with $why as $reason", async ({ metadata, code, reason }) => {
    const error = await failure(call(UserService.method.getMe, create(EmptySchema), metadata));
    expect(error.code).toBe(code);
    expect(details(error).reason).toBe(reason);
  });

  test("answers a project that does not exist with NOT_FOUND and the machine code", async () => {
    const request = create(GetPermissionsRequestSchema, { id: "0".repeat(24) });
    const error = await failure(
      call(ProjectPermissionsService.method.getPermissions, request, session()),
    );
    expect(error.code).toBe(status.NOT_FOUND);
    expect(error.details).toBe("Project not found");
    expect(details(error).reason).toBe("PROJECT_NOT_FOUND");
  });

  test.each([
    { ifMatch: undefined, code: status.FAILED_PRECONDITION, reason: "PRECONDITION_REQUIRED" },
    { ifMatch: "file:v9", code: status.ABORTED, reason: "PRECONDITION_FAILED" },
  ])("answers If-Match $ifMatch with $reason", async ({ ifMatch, code, reason }) => {
    const id = await newProject(`grpc-${reason}`);
    const request = create(ReplacePermissionsRequestSchema, {
      id,
      document: create(PermissionDocumentSchema),
    });
    const metadata = ifMatch === undefined ? session() : { ...session(), "if-match": ifMatch };
    const error = await failure(
      call(ProjectPermissionsService.method.replacePermissions, request, metadata),
    );
    expect(error.code).toBe(code);
    expect(details(error).reason).toBe(reason);
  });

  test("names every field that breaks a rule, as REST does", async () => {
    const request = create(CreateProjectRequestSchema, { alias: "", color: "red" });
    const error = await failure(call(ProjectService.method.createProject, request, session()));
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(details(error)).toEqual({
      reason: "INVALID_ALIAS_FORMAT",
      fields: ["/alias", "/color"],
    });
  });

  test.each(["realm as metadata against another realm as authority", "two realms as authority"])(
    "refuses a call with %s",
    async (which) => {
      const realm = "a".repeat(24);
      const authority = which.startsWith("two")
        ? `${realm}.${"b".repeat(24)}.api.localhost`
        : `${realm}.api.localhost`;
      const other = new Client(new URL(program.urls.grpc).host, credentials.createInsecure(), {
        "grpc.default_authority": authority,
      });
      const mine = client;
      client = other;
      const metadata = which.startsWith("two")
        ? session()
        : { ...session(), "x-realm-id": "b".repeat(24) };
      const error = await failure(call(UserService.method.getMe, create(EmptySchema), metadata));
      client = mine;
      other.close();
      expect(details(error).reason).toBe("INVALID_HOST");
    },
  );

  test("puts what is made on a realm host into that realm", async () => {
    const realm = "c".repeat(24);
    const request = create(CreateProjectRequestSchema, { alias: "in-a-realm" });
    const metadata = { ...session(), "x-realm-id": realm };
    const { message } = await call(ProjectService.method.createProject, request, metadata);
    expect(message.realmIds).toEqual([realm]);
  });

  test("health says that every service is served", async () => {
    const loaded = loadSync("health/v1/health.proto", {
      includeDirs: [resolve(import.meta.dir, "../../node_modules/grpc-health-check/proto")],
    });
    const definition = loaded["grpc.health.v1.Health"] as ReturnType<typeof serviceDefinition>;
    const { Check } = definition;
    if (Check === undefined) throw new Error("no Check");
    for (const service of ["", "realmgate.v1.ProjectPermissionsService"]) {
      const answer = await new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          Check.path,
          Check.requestSerialize,
          Check.responseDeserialize,
          { service },
          (error, value) => (error === null ? resolve(value) : reject(error)),
        );
      });
      expect(answer).toMatchObject({ status: 1 });
    }
  });

  test("reflection lists the services and hands out the files that describe them", async () => {
    const loaded = loadPackageDefinition(
      loadSync("grpc/reflection/v1/reflection.proto", {
        includeDirs: [resolve(import.meta.dir, "../../node_modules/@grpc/reflection/build/proto")],
      }),
    );
    // biome-ignore lint/suspicious/noExplicitAny: a client made at run time has no types.
    const Reflection = (loaded as any).grpc.reflection.v1.ServerReflection;
    const reflection = new Reflection(
      new URL(program.urls.grpc).host,
      credentials.createInsecure(),
    );
    const ask = (request: object) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      new Promise<any>((resolve, reject) => {
        const stream = reflection.ServerReflectionInfo();
        stream.on("data", resolve).on("error", reject);
        stream.write(request);
        stream.end();
      });
    const { listServicesResponse } = await ask({ listServices: "" });
    const names = listServicesResponse.service.map(({ name }: { name: string }) => name);
    expect(names).toContain("realmgate.v1.ContainerPermissionsService");

    const { fileDescriptorResponse } = await ask({
      fileContainingSymbol: "realmgate.v1.ProjectPermissionsService",
    });
    const files = fileDescriptorResponse.fileDescriptorProto.map((bytes: Buffer) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const methods = files.flatMap((file: { service: { method: unknown[] }[] }) =>
      file.service.flatMap(({ method }) => method),
    );
    expect(methods.length).toBeGreaterThan(20);
    reflection.close();
  });
});

// What the gRPC listener says of itself, for every service of the contract, whether it is implemented yet or not.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  create,
  createFileRegistry,
  type FileRegistry,
  fromBinary,
  type JsonObject,
  toJson,
} from "@bufbuild/protobuf";
import {
  anyUnpack,
  EmptySchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import {
  Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { $ } from "bun";
import { protoPath } from "grpc-health-check";
import type { Call } from "../../proto/call.ts";
import { ErrorInfoSchema } from "../../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../proto/gen/google/rpc/status_pb.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { serviceDefinition } from "../../proto/grpc.ts";
import { type GrpcServer, startGrpc } from "../../src/admin/api/grpc-server.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { publicServices } from "../harness/rest-services.ts";

const buf = resolve(import.meta.dir, "../../node_modules/.bin/buf");
const names = publicServices.map(({ typeName }) => typeName).toSorted();

const calls: Call[] = [];
let server: GrpcServer;

beforeAll(async () => {
  server = await start("127.0.0.1");
});

function start(hostname: string): Promise<GrpcServer> {
  return startGrpc({
    hostname,
    port: 0,
    services: publicServices,
    proxies: trustedProxies([]),
    dispatch: async (call) => {
      calls.push(call);
      const { code, violations } = refusal;
      return { ok: false, code, violations, retryAfterS: null };
    },
  });
}

afterAll(() => server.stop());

/** What every call is refused with. */
const refusal = {
  code: ErrorCode.INVALID_HOOK,
  violations: [{ instancePath: "/match/path", message: "must start with /" }],
} as const;

describe("a call", () => {
  const getMe = serviceDefinition(UserService).GetMe;

  /** Sends it and answers with its error. */
  function call(metadata: Metadata, { port } = server): Promise<ServiceError | null> {
    if (getMe === undefined) throw new Error("no GetMe");
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    return new Promise((resolve) => {
      const { path, requestSerialize, responseDeserialize } = getMe;
      const empty = create(EmptySchema);
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        empty,
        metadata,
        (error) => {
          client.close();
          resolve(error);
        },
      );
    });
  }

  test("that a gate of this machine passes on, as to a program of a container, is refused", async () => {
    const metadata = new Metadata();
    metadata.set("x-realmgate-program", "http");
    calls.length = 0;
    expect(await call(metadata)).toMatchObject({ code: status.UNAVAILABLE });
    expect(calls).toEqual([]);
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const health = await new Promise<ServiceError | null>((resolve) => {
      const same = (bytes: Buffer) => bytes;
      const path = "/grpc.health.v1.Health/Check";
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, (error) => {
        client.close();
        resolve(error);
      });
    });
    expect(health).toMatchObject({ code: status.UNAVAILABLE });
  });

  test.each([
    [[], null],
    [["a".repeat(24)], "a".repeat(24)],
    [["a", "b"], "a, b"],
  ])("with x-realm-filter %j has the filter %p", async (filters, realmFilter) => {
    const metadata = new Metadata();
    for (const filter of filters) metadata.add("x-realm-filter", filter);
    calls.length = 0;
    await call(metadata);
    expect(calls).toEqual([expect.objectContaining({ realmFilter, realmId: null })]);
  });

  test("comes from an IPv4 address, also where the socket takes both families", async () => {
    const both = await start("::");
    try {
      calls.length = 0;
      await call(new Metadata(), both);
      expect(calls.map(({ clientAddress }) => clientAddress)).toEqual(["127.0.0.1"]);
    } finally {
      await both.stop();
    }
  });

  test("is refused with the machine code of the wire and its first field, as in REST", async () => {
    const error = await call(new Metadata());
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect(error?.details).toBe("Invalid hook: /match/path must start with /");
    const [packed] = error?.metadata.get("grpc-status-details-bin") ?? [];
    const { details } = fromBinary(StatusSchema, new Uint8Array(packed as Buffer));
    const [info] = details.map((any) => anyUnpack(any, ErrorInfoSchema));
    expect(info?.reason).toBe("VALIDATION_ERROR");
  });
});

interface Reflected {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

/** One question to server reflection, in either of its versions. */
async function reflect(version: "v1" | "v1alpha", question: object): Promise<Reflected> {
  const loaded = loadPackageDefinition(
    loadSync(`grpc/reflection/${version}/reflection.proto`, {
      includeDirs: [resolve(import.meta.dir, "../../node_modules/@grpc/reflection/build/proto")],
    }),
  );
  const { reflection } = loaded.grpc as unknown as {
    reflection: Record<string, { ServerReflection: ServiceClientConstructor }>;
  };
  const Reflection = reflection[version]?.ServerReflection;
  if (Reflection === undefined) throw new Error(`no reflection ${version}`);
  const client: Client = new Reflection(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = Reflection.service
    .ServerReflectionInfo ?? { path: "", requestSerialize: () => Buffer.alloc(0) };
  if (responseDeserialize === undefined) throw new Error("no ServerReflectionInfo");
  try {
    return await new Promise((answered, failed) => {
      const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      stream.on("data", answered).on("error", failed);
      stream.write(question);
      stream.end();
    });
  } finally {
    client.close();
  }
}

async function ask(question: object): Promise<FileDescriptorProto[]> {
  const { fileDescriptorResponse, errorResponse } = await reflect("v1", question);
  if (fileDescriptorResponse === undefined) throw new Error(errorResponse?.errorMessage);
  return fileDescriptorResponse.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, new Uint8Array(bytes)),
  );
}

/** The files that describe a symbol; what they import and was not sent with them is asked for by name. */
async function filesOf(symbol: string): Promise<FileRegistry> {
  const known = new Map<string, FileDescriptorProto>();
  const learn = (files: readonly FileDescriptorProto[]) => {
    for (const file of files) known.set(file.name, file);
  };
  learn(await ask({ fileContainingSymbol: symbol }));
  const sorted: FileDescriptorProto[] = [];
  const visit = async (name: string): Promise<void> => {
    if (!known.has(name)) learn(await ask({ fileByFilename: name }));
    const file = known.get(name);
    if (file === undefined) throw new Error(`${name} is imported and not to be had`);
    if (sorted.includes(file)) return;
    for (const dependency of file.dependency) await visit(dependency);
    sorted.push(file);
  };
  for (const name of [...known.keys()]) await visit(name);
  return createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file: sorted });
}

describe("reflection", () => {
  test.each(["v1", "v1alpha"] as const)("lists every service (%s)", async (version) => {
    const { listServicesResponse } = await reflect(version, { listServices: "" });
    const listed = listServicesResponse?.service.map(({ name }) => name) ?? [];
    expect(listed.filter((name) => name.startsWith("realmgate.")).toSorted()).toEqual(names);
    expect(listed).toContain("grpc.health.v1.Health");
  });

  test.each(names)(
    "hands out files that describe %s as it is, with all they import",
    async (name) => {
      const service = (await filesOf(name)).getService(name);
      const own = publicServices.find(({ typeName }) => typeName === name);
      expect(service?.methods.map(String)).toEqual(own?.methods.map(String) ?? []);
      for (const [index, method] of (service?.methods ?? []).entries()) {
        const { input, output } = own?.methods[index] ?? {};
        expect(method.input.fields.map(String)).toEqual(input?.fields.map(String) ?? []);
        expect(method.output.fields.map(String)).toEqual(output?.fields.map(String) ?? []);
      }
    },
  );

  test("describes the health service as protoc does with the file that it is served from", async () => {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-health-"));
    try {
      mkdirSync(join(folder, "grpc/health/v1"), { recursive: true });
      const file = join(folder, "grpc/health/v1/health.proto");
      copyFileSync(protoPath, file);
      const built =
        await $`${buf} build ${folder} --exclude-source-info --as-file-descriptor-set -o -`
          .cwd(folder)
          .quiet();
      const [expected] = fromBinary(FileDescriptorSetSchema, built.bytes()).file;
      const [described, ...others] = await ask({ fileContainingSymbol: "grpc.health.v1.Health" });
      expect(others).toEqual([]);
      const meaning = (proto: FileDescriptorProto | undefined) => {
        if (proto === undefined) throw new Error("no file");
        // Options for the generators of other languages.
        const { options: _, ...rest } = toJson(FileDescriptorProtoSchema, proto) as JsonObject;
        return rest;
      };
      expect(meaning(described)).toEqual(meaning(expected));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("says so when it knows nothing of a name", async () => {
    const { errorResponse } = await reflect("v1", { fileContainingSymbol: "realmgate.v1.None" });
    expect(errorResponse?.errorMessage).toContain("realmgate.v1.None");
  });
});

// The typed gRPC client for tools of our own, against the real program.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { ContainerService } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ProjectPermissionsService } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { grpcClient } from "../../src/client/grpc.ts";
import { GrpcError } from "../../src/client/grpc-error.ts";
import { selfSigned } from "../harness/certificate.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const REALM = "507f1f77bcf86cd799439011";
let program: Program;
let address: string;
let credential: string;

beforeAll(async () => {
  program = await startProgram();
  address = program.urls.grpc;
  using users = grpcClient(address, UserService);
  credential = (await users.login({ username: "admin", password: adminPassword })).message.token;
}, 30_000);
afterAll(() => program[Symbol.asyncDispose]());

async function failureOf(call: Promise<unknown>): Promise<GrpcError> {
  const failure = await call.catch((error) => error);
  if (failure instanceof GrpcError) return failure;
  throw new Error(`no GrpcError: ${inspect(failure)}`);
}

test("calls are typed by rpc, and carry the credential and the realm", async () => {
  using projects = grpcClient(address, ProjectService, { credential, realm: REALM });
  using containers = grpcClient(address, ContainerService, { credential });
  const { message: project, revision } = await projects.createProject({ alias: "by-grpc" });
  expect([project.realmIds, typeof revision]).toEqual([[REALM], "string"]);
  const other = await projects.createProject({ alias: "elsewhere" }, { realm: null });
  expect(other.message.realmIds).toEqual([]);
  const { message } = await containers.createContainer(
    { projectId: project.id, name: "box" },
    { realm: REALM },
  );
  expect([message.name, message.realmIds]).toEqual(["box", [REALM]]);
});

test("a write names the version it was made from, and answers with the next", async () => {
  using projects = grpcClient(address, ProjectService, { credential });
  using permissions = grpcClient(address, ProjectPermissionsService, { credential });
  const { id } = (await projects.createProject({ alias: "versions" })).message;
  const read = await permissions.getPermissions({ id });
  expect(read.etag).toBe("file:v0");
  const office = { id, name: "office", group: { range: "10.0.0.0/8" } };
  const written = await permissions.setIpGroup(office, { ifMatch: "file:v0" });
  expect([written.etag, written.message.fileVersion]).toEqual(["file:v1", 1]);
  const stale = await failureOf(permissions.setIpGroup(office, { ifMatch: "file:v0" }));
  expect([stale.code, stale.status]).toEqual(["PRECONDITION_FAILED", 10]);
  expect((await failureOf(permissions.setIpGroup(office))).code).toBe("PRECONDITION_REQUIRED");
});

describe("a refusal", () => {
  test("has the machine code, the fields and the request id", async () => {
    using projects = grpcClient(address, ProjectService, { credential });
    const failure = await failureOf(projects.getProject({ id: "x" }));
    expect(failure).toMatchObject({
      name: "GrpcError",
      status: 3,
      code: "INVALID_ID_FORMAT",
      violations: [{ instancePath: "/id" }],
      requestId: expect.stringMatching(/^[0-9a-f]{24}$/),
    });
  });

  test("tells a confined token that it needs a realm, and lets it in with one", async () => {
    using tokens = grpcClient(address, TokenService, { credential });
    const made = await tokens.createToken({ realmIds: [REALM], permissionTemplate: "full_access" });
    const secret = made.message.token ?? "";
    using projects = grpcClient(address, ProjectService, { credential: secret });
    const failure = await failureOf(projects.listProjects({}));
    expect([failure.status, failure.message]).toEqual([
      7,
      expect.stringContaining("requires a realm-scoped URL"),
    ]);
    expect((await projects.listProjects({}, { realm: REALM })).message.projects).toBeArray();
    expect(inspect([projects, failure], { depth: 9, showHidden: true })).not.toContain(secret);
  });

  test("comes without a code when nobody answers", async () => {
    using projects = grpcClient("127.0.0.1:9", ProjectService, { credential, timeoutMs: 500 });
    const failure = await failureOf(projects.listProjects({}));
    expect([[4, 14].includes(failure.status), failure.code]).toEqual([true, ""]);
    expect(failure.message).not.toContain("Resolution note");
  });
});

test("TLS trusts the authority that it is told, and no other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-grpc-"));
  const { cert, key } = selfSigned();
  const caFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  writeFileSync(caFile, cert);
  writeFileSync(keyFile, key);
  try {
    await using secure = await startProgram({
      environment: { REALMGATE_API_TLS_CERT: caFile, REALMGATE_API_TLS_KEY: keyFile },
    });
    const url = secure.urls.grpc.replace("127.0.0.1", "localhost");
    const login = { username: "admin", password: adminPassword };
    for (const tls of [{ caFile }, { ca: cert }]) {
      using users = grpcClient(url, UserService, { tls });
      expect((await users.login(login)).message.user?.username).toBe("admin");
    }
    using untrusting = grpcClient(url, UserService);
    expect((await failureOf(untrusting.login(login))).status).toBe(14);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 30_000);

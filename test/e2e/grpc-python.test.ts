// A gRPC stack that shares nothing with ours: Python's, on the C core, with stubs that protoc made, and by reflection alone.
// Needs Debian's python3-grpcio, protobuf-compiler and protobuf-compiler-grpc.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "bun";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";
import { pythonWith } from "../harness/python.ts";

const root = resolve(import.meta.dir, "../..");
const python = await pythonWith(["grpc", "google.protobuf"]);
const plugin = Bun.which("grpc_python_plugin");
const isThere = python !== null && plugin !== null && Bun.which("protoc") !== null;
if (!isThere) {
  console.warn(
    "skipped: python3-grpcio, protobuf-compiler and protobuf-compiler-grpc are not there",
  );
}

const folder = mkdtempSync(join(tmpdir(), "realmgate-python-"));
let program: Program;

beforeAll(async () => {
  program = await startProgram();
}, 30_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function generate(includes: readonly string[], files: readonly string[]): Promise<void> {
  const paths = includes.map((path) => `-I${path}`);
  const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
  const how = `--plugin=protoc-gen-grpc_python=${plugin}`;
  await $`protoc ${paths} ${out} ${how} ${files}`.cwd(root).quiet();
}

async function run(script: string): Promise<unknown> {
  const file = join(import.meta.dir, "python", script);
  const address = new URL(program.urls.grpc).host;
  const { exitCode, stdout, stderr } =
    await $`${python} ${file} ${folder} ${address} ${adminPassword}`.quiet().nothrow();
  if (exitCode !== 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString());
}

describe.skipIf(!isThere)("Python", () => {
  test("calls with generated stubs: realm, version, and refusals with their codes", async () => {
    const google = "node_modules/google-proto-files";
    const own = readdirSync(join(root, "proto/realmgate/v1")).map(
      (name) => `proto/realmgate/v1/${name}`,
    );
    const theirs = ["api/annotations", "api/http", "rpc/code", "rpc/status", "rpc/error_details"];
    await generate(
      ["proto", google],
      [...own, ...theirs.map((name) => `${google}/google/${name}.proto`)],
    );
    expect(await run("stubs.py")).toEqual({
      realm_ids: ["507f1f77bcf86cd799439011"],
      range: "10.0.0.0/8",
      etag: "file:v1",
      revision: true,
      refusals: [
        ["ABORTED", "PRECONDITION_FAILED"],
        ["FAILED_PRECONDITION", "PRECONDITION_REQUIRED"],
        ["UNAUTHENTICATED", "MISSING_TOKEN"],
      ],
    });
  }, 30_000);

  test("calls by reflection alone, knowing no file of ours", async () => {
    const reflection = "node_modules/@grpc/reflection/build/proto/grpc/reflection/v1";
    await generate([reflection], ["reflection.proto"]);
    const { services, username } = (await run("reflection.py")) as {
      services: string[];
      username: string;
    };
    expect(username).toBe("admin");
    expect(services).toContain("realmgate.v1.ProjectService");
  }, 30_000);
});

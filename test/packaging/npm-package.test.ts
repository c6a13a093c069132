// The package as npm makes it from dist/, installed in an empty folder: the client on Node, on Bun, in a bundle and for tsc, and the
// gate on a machine that has Node and no Bun.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "bun";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "realmgate-package-"));
const consumer = join(folder, "consumer");
/** The PATH of a machine with Node alone. */
const nodeOnly = join(folder, "bin");

const node = Bun.which("node");
const npm = Bun.which("npm");
if (node === null || npm === null) console.warn("SKIPPED: the package needs node and npm");

let tarball = "";
let hasRuntime = false;
let program: Program | null = null;

beforeAll(async () => {
  if (node === null || npm === null) return;
  for (const path of [consumer, nodeOnly]) mkdirSync(path);
  symlinkSync(node, join(nodeOnly, "node"));
  const dist = join(folder, "dist");
  await $`${process.execPath} packaging/build.ts ${dist}`.cwd(root).quiet();
  const packed = await $`npm pack --json --pack-destination ${folder} ${dist}`.cwd(folder).json();
  tarball = join(folder, packed[0].filename);
  writeFileSync(join(consumer, "package.json"), '{"name":"consumer","type":"module"}');
  const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
  const installed = await $`timeout 90 npm install ${flags} ${tarball}`
    .cwd(consumer)
    .quiet()
    .nothrow();
  hasRuntime = installed.exitCode === 0 && existsSync(join(consumer, "node_modules/bun"));
  if (!hasRuntime) {
    console.warn("SKIPPED: the registry does not answer, so the package's Bun is not tried");
    await $`npm install ${flags} --offline --omit=optional ${tarball}`.cwd(consumer).quiet();
    return;
  }
  program = await startProgram({
    command: [join(consumer, "node_modules/.bin/realmgate")],
    cwd: consumer,
    environment: { PATH: nodeOnly },
  });
}, 120_000);

afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const withNode = test.skipIf(node === null || npm === null);

/** A session and a page of projects; without a gate, the error that says so. */
function tour(): string {
  const url = program?.urls.rest ?? "http://127.0.0.1:9";
  return `import { authenticate } from "realmgate/client";
import { ApiError, NetworkError } from "realmgate/client/errors";
import { bearer } from "realmgate/client/credential";
try {
  const login = { username: "admin", password: ${JSON.stringify(adminPassword)} };
  const client = await authenticate(${JSON.stringify(url)}, login, { retries: 0 });
  const { data } = await client.api.projects.list({ limit: 1 });
  const failure = await client.api.projects.get("0".repeat(24)).catch((error: unknown) => error);
  console.log(failure instanceof ApiError && failure.code, typeof data.pagination?.total, typeof bearer("t"));
} catch (error) {
  console.log(error instanceof NetworkError && error.kind);
}
`;
}

const toured = () => (program === null ? "refused\n" : "PROJECT_NOT_FOUND number object\n");

withNode("the tarball has what is needed and no more", async () => {
  const names = (await $`tar tzf ${tarball}`.text()).trim().split("\n");
  const files = names.map((name) => name.replace(/^package\//, ""));
  for (const file of ["bin/realmgate.js", "server/main.js", "README.md", "LICENSE"]) {
    expect(files).toContain(file);
  }
  const tops = new Set(files.map((file) => file.split("/")[0]));
  expect([...tops].sort()).toEqual(
    ["LICENSE", "README.md", "bin", "lib", "package.json", "server"].sort(),
  );
  expect(files.filter((file) => /\.test\.|(?<!\.d)\.ts$/.test(file))).toEqual([]);
  const code =
    await $`grep -rlF ${`${root}/`} ${join(consumer, "node_modules/realmgate")}`.nothrow();
  expect(code.stdout.toString()).toBe("");
});

withNode("each export is there, with its types", async () => {
  const installed = join(consumer, "node_modules/realmgate");
  const { exports } = await Bun.file(join(installed, "package.json")).json();
  const { exports: sources } = await Bun.file(join(root, "package.json")).json();
  expect(Object.keys(exports)).toEqual(Object.keys(sources));
  for (const path of Object.keys(exports)) {
    const { types, default: code } = exports[path];
    for (const file of [types, code]) {
      const some = file.replace("*", "projects");
      expect([some, existsSync(join(installed, some))]).toEqual([some, true]);
    }
  }
});

withNode("the client runs on Node, on Bun and in a bundle without anything beside it", async () => {
  const script = tour().replace(": unknown", "");
  writeFileSync(join(consumer, "tour.mjs"), script);
  expect(await $`${node} tour.mjs`.cwd(consumer).text()).toBe(toured());
  expect(await $`${process.execPath} tour.mjs`.cwd(consumer).text()).toBe(toured());
  const esbuild = join(root, "node_modules/.bin/esbuild");
  const bundle = join(consumer, "bundle.mjs");
  await $`${esbuild} tour.mjs --bundle --format=esm --platform=browser --outfile=${bundle}`
    .cwd(consumer)
    .quiet();
  expect(await Bun.file(bundle).text()).not.toMatch(/\bnode:|\brequire\(|\bBuffer\b/);
  expect(await $`${node} ${bundle}`.cwd(consumer).text()).toBe(toured());
});

withNode("strict tsc accepts the client, by both ways to resolve it", async () => {
  writeFileSync(
    join(consumer, "tour.ts"),
    `${tour()}import type { Project } from "realmgate/client/types";\nexport const alias = (project: Project): string => project.alias;\n`,
  );
  const strict = [
    "--strict --noEmit --target es2022 --exactOptionalPropertyTypes --noUncheckedIndexedAccess",
    "--skipLibCheck false --types --lib es2022,dom,dom.iterable",
  ];
  const tsc = join(root, "node_modules/.bin/tsc");
  for (const way of [
    "--module nodenext --moduleResolution nodenext",
    "--module esnext --moduleResolution bundler",
  ]) {
    const words = [...strict, way]
      .join(" ")
      .split(" ")
      .filter((word) => word !== "--types");
    const { stdout, exitCode } = await $`${tsc} ${words} tour.ts`.cwd(consumer).quiet().nothrow();
    expect([stdout.toString(), exitCode]).toEqual(["", 0]);
  }
});

withNode("the gRPC client runs on Node with the two packages that it names", async () => {
  if (program === null) return;
  const modules = join(consumer, "node_modules");
  for (const name of ["@grpc/grpc-js", "@bufbuild/protobuf"]) {
    mkdirSync(join(modules, name, ".."), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  writeFileSync(
    join(consumer, "grpc.mjs"),
    `import { grpcClient } from "realmgate/client/grpc";
import { UserService } from "realmgate/proto/users";
const users = grpcClient(${JSON.stringify(program.urls.grpc)}, UserService);
const { message } = await users.login({ username: "admin", password: ${JSON.stringify(adminPassword)} });
console.log(message.token.length > 20);
users[Symbol.dispose]();
`,
  );
  expect(await $`${node} grpc.mjs`.cwd(consumer).text()).toBe("true\n");
});

withNode("the command runs on Node alone, and a stop signal reaches the gate", async () => {
  if (program === null) return;
  const command = join(consumer, "node_modules/.bin/realmgate");
  const { version } = await Bun.file(join(root, "package.json")).json();
  expect(await $`${command} --version`.env({ PATH: nodeOnly }).text()).toBe(`${version}\n`);
  const refused = await $`${command} projects list`
    .env({ PATH: nodeOnly, HOME: consumer, REALMGATE_BASE_URL: program.urls.rest })
    .quiet()
    .nothrow();
  expect(refused.stderr.toString()).toContain("401");
  program.signal("SIGTERM");
  expect(await program.exited).toBe(0);
});

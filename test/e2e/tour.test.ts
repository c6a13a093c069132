// The documents, done as they say: each one's shell blocks in a row, pasted into a shell, and each block of TypeScript. Only addresses,
// ports and the password are this run's.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loginAdmin } from "../harness/client.ts";
import { freePort } from "../harness/free-port.ts";
import { documents, promisedBy } from "../harness/markdown.ts";
import { paste, withAddresses } from "../harness/paste.ts";
import {
  adminPassword,
  type Program,
  startProgram,
  startUpstream,
  type Upstream,
} from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const REALM = "507f1f77bcf86cd799439011";

const all = await documents();
const runnable = all.flatMap(({ path, blocks }) =>
  blocks.filter(({ notRun }) => notRun === null).map((block) => ({ path, ...block })),
);

/** The blocks of each document that has some, in a row. */
const scripts = all
  .map(({ path }) => {
    const blocks = runnable.filter((block) => block.path === path && block.language === "sh");
    return { path, script: blocks.map(({ text }) => text).join("\n") };
  })
  .filter(({ script }) => script !== "");

/** What the other documents mean by the shell of the tour. */
const shell = runnable
  .filter(({ path, heading }) => path === "docs/tour.md" && heading === "A shell")
  .map(({ text }) => text)
  .join("\n");

const missing = ["bash", "curl", "node"].filter((tool) => Bun.which(tool) === null);
if (missing.length > 0) console.warn(`SKIPPED: the documents need ${missing.join(", ")}`);

let program: Program;
let upstream: Upstream;

beforeAll(async () => {
  program = await startProgram({ environment: { REALMGATE_TRUSTED_PROXIES: "" } });
  upstream = await startUpstream();
}, 30_000);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

test("the documents that have commands are these", () => {
  expect(scripts.map(({ path }) => path)).toEqual([
    "README.md",
    "docs/api.md",
    "docs/cli.md",
    "docs/operations.md",
    "docs/permission-documents.md",
    "docs/tour.md",
  ]);
  expect(shell).toContain("api() {");
});

test.skipIf(missing.length > 0).each(scripts)(
  "the commands of $path do what they say, and print what they promise",
  async ({ path, script }) => {
    const promised = promisedBy(script);
    expect(promised.length).toBeGreaterThan(1);
    const isCommandLine = script.includes("realmgate() {");
    const before = isCommandLine
      ? `PASSWORD='${adminPassword}'`
      : path === "docs/tour.md"
        ? ""
        : shell;
    // The program of the README and of the tour listens for itself.
    const own = path === "README.md" ? script.replaceAll("3000", String(freePort())) : script;
    const { printed, complaints, exitCode } = await paste(
      withAddresses(`${before}\n${own}`, program.urls),
      root,
    );
    const compared = isCommandLine ? printed.filter((line) => promised.includes(line)) : printed;
    const isGood = exitCode === 0 && Bun.deepEquals(compared, promised);
    expect({ exitCode, printed: compared, complaints: isGood ? "" : complaints }).toEqual({
      exitCode: 0,
      printed: promised,
      complaints: "",
    });
  },
  60_000,
);

test.each(runnable.filter(({ language }) => language === "ts"))(
  "the TypeScript of $path, line $line, runs and prints what it promises",
  async ({ text }) => {
    const promised = promisedBy(text);
    expect(promised.length).toBeGreaterThan(0);
    const api = await loginAdmin(program.urls);
    const body = { alias: `docs-${crypto.randomUUID()}` };
    const project = await api.data("POST", "/projects", { body });
    const container = await api.data("POST", `/projects/${project.id}/containers`, {
      body: { name: "box-1", address: "127.0.0.1" },
    });
    const given = {
      username: "admin",
      password: adminPassword,
      realm: REALM,
      containerId: container.id,
    };
    const folder = mkdtempSync(join(tmpdir(), "realmgate-docs-"));
    try {
      const file = join(folder, "example.ts");
      const code = withAddresses(text, program.urls)
        .replaceAll('"../proto/', `"${root}/proto/`)
        .replaceAll('"realmgate/client/grpc"', JSON.stringify(join(root, "src/client/grpc.ts")))
        .replaceAll(
          '"realmgate/client"',
          JSON.stringify(join(root, "src/client/realmgate-client.ts")),
        )
        .replaceAll('"http", 8080', `"http", ${upstream.port}`);
      writeFileSync(
        file,
        `const { username, password, realm, containerId } = ${JSON.stringify(given)};\n${code}`,
      );
      const child = Bun.spawn([process.execPath, file], {
        cwd: root,
        stdout: "pipe",
        stderr: "pipe",
      });
      const [printed, complaints, exitCode] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      expect({ exitCode, complaints }).toEqual({ exitCode: 0, complaints: "" });
      const lines = printed.split("\n");
      expect(lines.filter((line) => promised.includes(line))).toEqual(promised);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  30_000,
);

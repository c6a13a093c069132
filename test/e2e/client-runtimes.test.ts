// The client where it is to run besides Bun: built for Node and run there, and built for browsers and run among nothing but
// what browsers have.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createContext, runInContext } from "node:vm";
import { $ } from "bun";
import { selfSigned } from "../harness/certificate.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const node = Bun.which("node");
const nodeVersion =
  node === null ? 0 : Number((await $`node --version`.text()).slice(1).split(".")[0]);
const nodeMin = 20;
if (nodeVersion < nodeMin) console.warn(`skipped: Node ${nodeMin} or later is not there`);

const folder = mkdtempSync(join(tmpdir(), "realmgate-client-"));
let program: Program;

beforeAll(async () => {
  program = await startProgram();
}, 30_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** One file of the client and its errors, as global `realmgate`. */
async function built(target: "node" | "browser"): Promise<string> {
  const entry = join(folder, `${target}.ts`);
  const from = (file: string) => JSON.stringify(join(root, "src/client", file));
  writeFileSync(
    entry,
    `import * as client from ${from("realmgate-client.ts")};
    import * as errors from ${from("errors.ts")};
    globalThis.realmgate = { ...client, ...errors };`,
  );
  const result = await Bun.build({ entrypoints: [entry], target, format: "iife" });
  const [output, ...others] = result.outputs;
  expect([result.success, others]).toEqual([true, []]);
  return output === undefined ? "" : output.text();
}

/** What both do: log in, write, read pages, be refused. The last line is its result. */
const tour = (url: string) => `
(async () => {
  const { authenticate, ApiError } = realmgate;
  const client = await authenticate(${JSON.stringify(url)}, { username: "admin", password: ${JSON.stringify(adminPassword)} });
  const { data } = await client.api.projects.create({ alias: "from " + Math.random() });
  await client.api.proxyPermissionsProject.setIpGroup(data.id, "office", { range: "10.0.0.0/8" });
  const config = await client.api.proxyPermissionsProject.get(data.id);
  await client.api.proxyPermissionsProject.replace(data.id, { ...config, default: "deny" });
  const after = await client.api.proxyPermissionsProject.get(data.id);
  let found = 0;
  for await (const { id } of client.api.projects.iterate({ limit: 1 })) if (id === data.id) found++;
  const failure = await client.api.projects.get("0".repeat(24)).catch((error) => error);
  return [after.data.default, after.etag, found, failure instanceof ApiError, failure.code];
})()`;
const toured = ["deny", "file:v2", 1, true, "PROJECT_NOT_FOUND"];

test("each export of the package is a file that loads, by the package's own name", async () => {
  const { exports } = await Bun.file(join(root, "package.json")).json();
  const loaded = await Promise.all(
    Object.keys(exports).map(
      (path) => import(path.replace(".", "realmgate").replace("*", "projects")),
    ),
  );
  expect(loaded.length).toBeGreaterThan(3);
  expect(Object.keys(loaded[0])).toContain("HoodyClient");
});

describe("in a browser", () => {
  test("it uses nothing but what the web has", async () => {
    const code = await built("browser");
    expect(code).not.toMatch(/\bnode:|\brequire\(|\bBun\.|\bprocess\.|\bBuffer\b/);
    const web = {
      fetch,
      URL,
      URLSearchParams,
      Headers,
      AbortSignal,
      TextEncoder,
      btoa,
      setTimeout,
      clearTimeout,
    };
    const context = createContext({ ...web });
    runInContext(code, context);
    expect(await runInContext(tour(program.urls.rest), context)).toEqual(toured);
  });
});

describe.skipIf(nodeVersion < nodeMin)("in Node", () => {
  async function inNode(script: string): Promise<unknown> {
    const file = join(folder, `${crypto.randomUUID()}.cjs`);
    writeFileSync(
      file,
      `${await built("node")}\n(${script}).then((r) => console.log(JSON.stringify(r)));`,
    );
    const { exitCode, stdout, stderr } = await $`node ${file}`.quiet().nothrow();
    if (exitCode !== 0) throw new Error(stderr.toString());
    return JSON.parse(stdout.toString());
  }

  test("it does what it does in Bun", async () => {
    expect(await inNode(tour(program.urls.rest).trim())).toEqual(toured);
  }, 20_000);

  test("it is what `bun run build:client` makes, its errors the same in both files", async () => {
    const { scripts } = await Bun.file(join(root, "package.json")).json();
    const out = join(folder, "dist");
    const [bun, ...args] = scripts["build:client"].replace("dist/client", out).split(" ");
    expect(bun).toBe("bun");
    await $`${process.execPath} ${args}`.cwd(root).quiet();
    writeFileSync(join(out, "package.json"), '{"type":"module"}');
    const script = join(out, "script.js");
    writeFileSync(
      script,
      `import { RealmgateClient } from "./realmgate-client.js";
      import { ApiError } from "./errors.js";
      const client = new RealmgateClient({ baseUrl: ${JSON.stringify(program.urls.rest)} });
      const failure = await client.api.realms.list().catch((error) => error);
      console.log(failure instanceof ApiError, failure.code);`,
    );
    expect(await $`node ${script}`.text()).toBe("true MISSING_TOKEN\n");
  }, 20_000);

  test("it tells why nobody answers", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    const { port } = closed.address() as { port: number };
    await new Promise((done) => closed.close(done));
    const { cert, key } = selfSigned();
    const tls = Bun.serve({ port: 0, tls: { cert, key }, fetch: () => new Response("") });
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    const silentPort = (silent.address() as { port: number }).port;
    const urls = [
      `http://127.0.0.1:${port}`,
      "http://nowhere.invalid",
      `https://localhost:${tls.port}`,
      `http://127.0.0.1:${silentPort}`,
    ];
    try {
      const kinds = await inNode(`Promise.all(${JSON.stringify(urls)}.map((baseUrl) =>
        new realmgate.RealmgateClient({ baseUrl, retries: 0, timeoutMs: 2000, credential: "hdy_topsecret" }).api.realms.list()
          .catch((error) => [error instanceof realmgate.NetworkError, error.kind, error.message.includes("\\n"), require("node:util").inspect(error, { depth: 9 }).includes("topsecret")])))`);
      expect(kinds).toEqual([
        [true, "refused", false, false],
        [true, "dns", false, false],
        [true, "certificate", false, false],
        [true, "timeout", false, false],
      ]);
    } finally {
      silent.close();
      await tls.stop(true);
    }
  }, 20_000);

  test("and no inspected client shows its credential", async () => {
    const shown = await inNode(`(async () => {
      const client = new realmgate.RealmgateClient({ baseUrl: "http://localhost", credential: "hdy_topsecret" });
      return require("node:util").inspect(client, { depth: 9, showHidden: true });
    })()`);
    expect(shown).toContain("projects");
    expect(shown).not.toContain("topsecret");
  }, 20_000);
});

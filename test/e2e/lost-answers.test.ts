// Commands that make up a password or token, when the answer to their write is lost: it is in force, and nobody else knows it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { type Api, loginAdmin } from "../harness/client.ts";
import { type CommandLine, commandLine } from "../harness/command-line.ts";
import { basic } from "../harness/credentials.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";
import { until } from "../harness/until.ts";

setDefaultTimeout(30_000);

const main = resolve(import.meta.dir, "../../src/main.ts");
const resources = new AsyncDisposableStack();
let program: Program;
let api: Api;
let line: CommandLine;
let relay: Bun.Server<undefined>;
let projectId: string;
/** What becomes of answers to writes that are no dry runs. */
let answers: "pass" | "bad gateway" | "none" = "pass";
let written = 0;

beforeAll(async () => {
  program = resources.use(await startProgram());
  api = await loginAdmin(program.urls);
  relay = resources.use(
    Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { pathname, search } = new URL(request.url);
        const answer = await fetch(`${program.urls.rest}${pathname}${search}`, {
          method: request.method,
          headers: request.headers,
          body: request.method === "GET" ? null : await request.text(),
        });
        if (request.method === "GET" || search.includes("validate_only") || answers === "pass") {
          return answer;
        }
        written++;
        if (answers === "bad gateway") return new Response("no", { status: 502 });
        await answer.text();
        return new Promise<Response>(() => {});
      },
    }),
  );
  line = resources.use(commandLine({ REALMGATE_BASE_URL: `http://localhost:${relay.port}` }));
  const words = ["login", "-u", "admin", "--password-stdin"];
  expect(await line.run(words, { stdin: adminPassword })).toMatchObject({ exit: 0 });
  projectId = (await api.data("POST", "/projects", { body: { alias: "lost" } })).id;
});

afterAll(() => resources.disposeAsync());

/** What standard error said. */
async function lost(words: readonly string[]): Promise<string> {
  const before = written;
  if (answers === "bad gateway") {
    const { exit, err } = await line.run(words);
    expect(exit).not.toBe(0);
    expect(written).toBe(before + 1);
    return err;
  }
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { HOME: line.home, REALMGATE_BASE_URL: `http://localhost:${relay.port}` },
    stdout: "ignore",
    stderr: "pipe",
  });
  await until(() => written > before, "it is written");
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
  return new Response(child.stderr).text();
}

function saidIn(err: string, name: string): string {
  const said = `whether it was stored is not known; if so, the ${name} is `;
  expect(err).toContain(said);
  return new RegExp(`${said}(\\S+)`).exec(err)?.[1] ?? "";
}

const logsIn = async (username: string, password: string) =>
  (await api.call("POST", "/users/auth/login", { body: { username, password } })).status;

test.each(["bad gateway", "none"] as const)("the answer is lost: %s", async (how) => {
  const name = how === "none" ? "bob" : "eve";
  answers = how;
  const made = await lost(["users", "create", name, "--email", `${name}@example.com`]);
  const first = saidIn(made, "password");
  expect(await logsIn(name, first)).toBe(200);

  const second = saidIn(await lost(["users", "reset-password", name]), "password");
  expect(second).not.toBe(first);
  expect(await logsIn(name, second)).toBe(200);

  const body = { name: `box-${name}`, address: "127.0.0.1" };
  const box = await api.data("POST", `/projects/${projectId}/containers`, { body });
  const words = ["protect", box.id, "--program", "http", "--basic", "ops", "--yes"];
  const secret = saidIn(await lost(words), "password");
  const headers = { host: `${projectId}-${box.id}-http-1.local.containers.localhost` };
  await until(
    async () => (await fetch(program.urls.proxy, { headers })).status === 401,
    "it is protected",
  );
  const authorization = basic(`ops:${secret}`);
  const answer = await fetch(program.urls.proxy, { headers: { ...headers, authorization } });
  expect(answer.status).not.toBe(401);
});

test("a write that was refused, or never left, says no password", async () => {
  answers = "pass";
  const taken = await line.run(["users", "create", "admin", "--email", "other@example.com"]);
  expect([taken.exit, taken.err]).toEqual([
    expect.any(Number),
    expect.not.stringContaining("known"),
  ]);
  expect(taken.exit).not.toBe(0);
  const nowhere = { environment: { REALMGATE_BASE_URL: "http://localhost:1" } };
  const away = await line.run(["users", "create", "zoe", "--email", "zoe@example.com"], nowhere);
  expect(away.err).not.toContain("password is");
  const done = await line.run(["users", "create", "zoe", "--email", "zoe@example.com"]);
  expect([done.exit, done.err]).toEqual([
    0,
    expect.stringMatching(/password \(shown only now\): \S+/),
  ]);
});

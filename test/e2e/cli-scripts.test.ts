// The command line in scripts: exit codes, errors as JSON, decisions that a script expects, documents from one container to another.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loginAdmin } from "../harness/client.ts";
import { type CommandLine, commandLine } from "../harness/command-line.ts";
import { freePort } from "../harness/free-port.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

let program: Program;
let cli: CommandLine;
let project = "";
let containers: readonly string[] = [];

beforeAll(async () => {
  program = await startProgram();
  const api = await loginAdmin(program.urls);
  const login = { username: "admin", password: adminPassword };
  const { token } = await api.data("POST", "/users/auth/login", { body: login });
  cli = commandLine({ REALMGATE_BASE_URL: program.urls.rest, REALMGATE_TOKEN: token });
  project = (await api.data("POST", "/projects", { body: { alias: "scripts" } })).id;
  containers = await Promise.all(
    ["box-from", "box-to"].map(async (name) => {
      const body = { name, address: "127.0.0.1" };
      return (await api.data("POST", `/projects/${project}/containers`, { body })).id;
    }),
  );
}, 60_000);

afterAll(async () => {
  cli[Symbol.dispose]();
  await program[Symbol.asyncDispose]();
});

test("what went wrong is in the exit code, and as JSON where JSON is asked for", async () => {
  const away = { REALMGATE_BASE_URL: `http://127.0.0.1:${freePort()}` };
  const [from = ""] = containers;
  const stale = `containers proxy default --container ${from} --default deny --if-match file:v9`;
  const rows = [
    [3, `projects get ${"0".repeat(24)}`, {}, { statusCode: 404, code: "PROJECT_NOT_FOUND" }],
    [4, "projects list -t hdy_wrong", {}, { statusCode: 401 }],
    [5, stale, {}, { details: expect.any(Array) }],
    [9, "projects list", away, { kind: "refused" }],
    [2, "projects list --config /nowhere/config.json", {}, { exit: 2 }],
    [2, "projects list --bogus", {}, { message: expect.stringContaining("--bogus") }],
    [2, "projects get", {}, { message: expect.stringContaining("argument") }],
    [2, "nosuch", {}, { message: expect.stringContaining("nosuch") }],
    [2, "projects", {}, { message: expect.stringContaining("realmgate projects") }],
    [2, "projects list --limit x", {}, { message: expect.stringContaining("--limit") }],
  ] as const;
  const ran = await Promise.all(
    rows.map(([, line, environment]) => cli.run(`${line} -o json`.split(" "), { environment })),
  );
  for (const [index, [exit, line, , facts]] of rows.entries()) {
    const { exit: code, err } = ran[index] ?? { exit: -1, err: "" };
    expect({ line, exit: code }).toEqual({ line, exit });
    const { error } = JSON.parse(err.trim().split("\n").at(-1) ?? "");
    expect(error).toMatchObject({ exit, message: expect.any(String), ...facts });
  }
});

test("a document goes from one container to another, as JSON and as YAML", async () => {
  const [from = "", to = ""] = containers;
  const set = `containers proxy groups ip set --container ${from} --if-match latest --group-name office --range 10.0.0.0/8`;
  expect((await cli.run(set.split(" "))).exit).toBe(0);
  for (const form of ["json", "yaml"]) {
    const get = `containers proxy permissions get --container ${from} --project ${project} -o ${form}`;
    const file = join(cli.folder, `document.${form}`);
    writeFileSync(file, (await cli.run(get.split(" "))).out);
    const replace = `containers proxy permissions replace --project ${project} --container ${to} --if-match latest --file ${file}`;
    expect(await cli.run(replace.split(" "))).toMatchObject({ exit: 0 });
    const there = `containers proxy permissions get --container ${to} -o json`;
    const { groups, container } = JSON.parse((await cli.run(there.split(" "))).out);
    expect([groups.office.range, container]).toEqual(["10.0.0.0/8", to]);
  }
}, 120_000);

test("a script learns whether the decision is the one that it expects", async () => {
  const [, to = ""] = containers;
  const explain = `explain ${to} --program http --instance 80 --ip 10.1.1.1 --expect`;
  const codes = await Promise.all(
    ["allow", "401", "403"].map(
      async (expected) => (await cli.run([...explain.split(" "), expected])).exit,
    ),
  );
  expect(codes).toEqual([4, 4, 0]);
});

test("the version, and a help of login with all of its flags", async () => {
  expect(JSON.parse((await cli.run(["version", "-o", "json"])).out)).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
  });
  const { out } = await cli.run(["login", "--help"]);
  for (const flag of ["-u, --username", "-p, --password", "--password-stdin", "--base-url"]) {
    expect(out).toContain(flag);
  }
});

test("a shell completes words, flags and choices", async () => {
  const { out } = await cli.run(["completion", "bash"]);
  writeFileSync(join(cli.folder, "completion.bash"), out);
  const complete = async (...words: readonly string[]) => {
    const typed = words.map((word) => `'${word}'`).join(" ");
    const line = `. ./completion.bash; COMP_WORDS=(realmgate ${typed}); COMP_CWORD=${words.length}; _realmgate; echo "\${COMPREPLY[@]}"`;
    return (await cli.shell(`bash -c '${line.replaceAll("'", "'\\''")}'`)).out.trim();
  };
  expect(await complete("projects", "proxy", "gr")).toBe("groups");
  expect(await complete("-q", "projects", "list", "--output", "")).toBe("table json yaml wide raw");
  expect(await complete("explain", "--exp")).toBe("--expect");
});

test.each([
  ["zsh", "-n"],
  ["fish", "--no-execute"],
] as const)("a script for %s can be read by it", async (shell, check) => {
  const { out } = await cli.run(["completion", shell]);
  expect(out).toContain("explain");
  const file = join(cli.folder, `completion.${shell}`);
  writeFileSync(file, out);
  if (Bun.which(shell) === null) {
    console.warn(`SKIPPED the syntax of the script: there is no ${shell}`);
    return;
  }
  expect(await cli.shell(`${shell} ${check} '${file}'`)).toEqual({ exit: 0, out: "", err: "" });
});

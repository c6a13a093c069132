// One step to protect a container, the kill switch, and the warning for who adds a password and thinks that it is protected.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  ContainerPermissionsService,
  SetTokenGroupRequestSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { type Api, loginAdmin } from "../harness/client.ts";
import { type CommandLine, commandLine } from "../harness/command-line.ts";
import { basic } from "../harness/credentials.ts";
import { GrpcClient } from "../harness/grpc-client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

// Every command is a process of its own, on a machine that may have others to run.
setDefaultTimeout(30_000);

const resources = new AsyncDisposableStack();
let program: Program;
let api: Api;
let line: CommandLine;
let upstream: Bun.Server<undefined>;
let projectId: string;

beforeAll(async () => {
  program = resources.use(await startProgram());
  api = await loginAdmin(program.urls);
  upstream = resources.use(
    Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("inside") }),
  );
  const site = program.urls.rest.replace("127.0.0.1", "localhost");
  const gate = new URL(program.urls.proxy);
  line = resources.use(
    commandLine({
      REALMGATE_BASE_URL: site,
      REALMGATE_CONTAINERS_URL: `http://containers.localhost:${gate.port}`,
    }),
  );
  const words = ["login", "-u", "admin", "--password-stdin"];
  expect(await line.run(words, { stdin: adminPassword })).toMatchObject({ exit: 0 });
  projectId = (await api.data("POST", "/projects", { body: { alias: "protected" } })).id;
});

afterAll(() => resources.disposeAsync());

let boxes = 0;

async function newBox(): Promise<string> {
  const body = { name: `box-${++boxes}`, address: "127.0.0.1" };
  return (await api.data("POST", `/projects/${projectId}/containers`, { body })).id;
}

const documentOf = (id: string) => api.data("GET", `/containers/${id}/proxy/permissions`);

/** How a request to the container's port fares now. */
async function statusNow(id: string, headers: Record<string, string> = {}): Promise<number> {
  const host = `${projectId}-${id}-http-${upstream.port}.local.containers.localhost`;
  return (await fetch(program.urls.proxy, { headers: { host, ...headers } })).status;
}

/** The same, once the gate has heard of the document's last write. */
async function status(id: string, headers: Record<string, string> = {}): Promise<number> {
  await Bun.sleep(300);
  return statusNow(id, headers);
}

describe("protect", () => {
  test("shows what changes, asks, and lets in who has the password that is printed once, and nobody else", async () => {
    const id = await newBox();
    expect(await status(id)).toBe(200);
    const words = `protect ${id} --program http --port ${upstream.port} --basic ops`;
    const declined = await line.atTerminal(`realmgate ${words}`, [
      { after: "[y/N] ", keys: "n\r" },
    ]);
    expect(declined).toMatchObject({ exit: 7 });
    expect(declined.out).toContain("(who matches no group)");
    expect(await documentOf(id)).toMatchObject({ file_version: 0, groups: {} });
    const unasked = await line.run(words.split(" "));
    expect(unasked).toMatchObject({ exit: 6, out: "" });
    const done = await line.run([...words.split(" "), "--yes", "-o", "json"]);
    expect(done).toMatchObject({ exit: 0 });
    const told = JSON.parse(done.out);
    expect(told).toMatchObject({ container: id, group: "ops", username: "ops", etag: "file:v1" });
    expect(told.url).toContain(`-http-${upstream.port}.local.containers.localhost`);
    const document = await documentOf(id);
    expect(document).toMatchObject({
      default: "deny",
      file_version: 1,
      permissions: { ops: { http: [upstream.port] } },
    });
    expect(document.groups.ops.salt).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(document)).not.toContain(told.password);
    expect(await status(id)).toBe(401);
    expect(await status(id, { authorization: basic(`ops:${told.password}`) })).toBe(200);
    const { events } = await api.data("GET", `/events?resource_id=${id}&kind=proxy`);
    expect(events).toHaveLength(1);
  });

  test("again for another port adds the port, and keeps the password and other groups", async () => {
    const id = await newBox();
    const first = await line.run([
      "protect",
      id,
      "--port",
      "1",
      "--basic",
      "ops",
      "-y",
      "-o",
      "json",
    ]);
    const { password } = JSON.parse(first.out);
    expect((await line.run(["protect", id, "--ip", "203.0.113.0/24", "-y"])).exit).toBe(0);
    const again = ["protect", id, "--port", String(upstream.port), "--basic", "ops", "-y"];
    const second = await line.run(again);
    expect(second.exit).toBe(0);
    expect(second.out).not.toContain("password");
    expect((await documentOf(id)).permissions).toEqual({
      ops: { http: [1, upstream.port] },
      ip: { http: true },
    });
    expect(await status(id, { authorization: basic(`ops:${password}`) })).toBe(200);
    const other = await line.run(["protect", id, "--token", "--group", "ops", "-y"]);
    expect(other).toMatchObject({ exit: 1, out: "" });
    expect(other.err).toContain("the container has another group ops");
  });

  test("--token makes a token; the API's credential is given by -t, or before the command", async () => {
    const id = await newBox();
    const { token: credential } = await api.data("POST", "/auth/tokens", { body: {} });
    const own = ["protect", id, "--token", "-t", credential, "-y", "-q"];
    const clean = { environment: { HOME: "/nonexistent" } };
    const done = await line.run(own, clean);
    expect(done).toMatchObject({ exit: 0 });
    expect(await status(id, { "x-api-token": done.out.trim() })).toBe(200);
    expect(await status(id, { "x-api-token": credential })).toBe(401);
    const before = ["--token", credential, "protect", await newBox(), "--token", "-y"];
    expect(await line.run(before, clean)).toMatchObject({ exit: 0 });
    // What looks like a credential is not taken for anything.
    const value = await line.run(["protect", await newBox(), "--token", credential, "-y"]);
    expect(value).toMatchObject({ exit: 2, out: "" });
    const glued = await line.run(["protect", await newBox(), `--token=${credential}`, "-y"]);
    expect(glued).toMatchObject({ exit: 2, out: "" });
    const wrong = await line.run(["protect", id, "--token", "-t", "hdy_wrong", "-y"], clean);
    expect(wrong).toMatchObject({ exit: 4, out: "" });
  });

  test("--jwt-secret and --secret are read from standard input", async () => {
    const id = await newBox();
    const jwt = await line.run(["protect", id, "--jwt-secret", "-", "-y"], {
      stdin: "a secret that your application signs with\n",
    });
    expect(jwt).toMatchObject({ exit: 0 });
    expect(jwt.out + jwt.err).not.toContain("signs with");
    expect((await documentOf(id)).groups.jwt).toMatchObject({
      secret: "a secret that your application signs with",
      sources: ["header:Authorization"],
    });
    const named = ["protect", id, "--basic", "ann", "--secret", "-", "-y"];
    const basicRun = await line.run(named, { stdin: "correct horse battery" });
    expect(basicRun.out + basicRun.err).not.toContain("correct horse");
    expect(await status(id, { authorization: basic("ann:correct horse battery") })).toBe(200);
  });

  test.each([
    [["--basic", "a", "--ip", "10.0.0.0/8"], "who gets in? One of --basic NAME"],
    [[], "who gets in?"],
    [["--ip", "10.0.0.0/8", "--secret", "x"], "--secret does not belong to --ip"],
  ])("%p cannot be read: 2", async (words, problem) => {
    const ran = await line.run(["protect", "0123456789abcdef01234567", ...words]);
    expect(ran).toMatchObject({ exit: 2, out: "" });
    expect(ran.err).toContain(problem);
  });
});

describe("the kill switch", () => {
  test("lock and unlock ask; who says no changes nothing", async () => {
    const id = await newBox();
    const no = await line.atTerminal(`realmgate lock ${id}`, [{ after: "[y/N] ", keys: "n\r" }]);
    expect(no.exit).toBe(7);
    expect(await status(id)).toBe(200);
    const yes = await line.atTerminal(`realmgate lock ${id}`, [{ after: "[y/N] ", keys: "y\r" }]);
    expect(yes.exit).toBe(0);
    expect(await status(id)).toBe(503);
    const again = await line.run(["lock", id, "-y"]);
    expect(again).toMatchObject({ exit: 0, err: `${id} is locked already\n` });
    expect((await line.run(["unlock", id])).exit).toBe(6);
    expect((await line.run(["unlock", id, "-y"])).exit).toBe(0);
    expect(await status(id)).toBe(200);
  });

  test("--wait of lock, unlock and protect comes back when every proxy enforces it, also where nothing changed", async () => {
    const id = await newBox();
    await line.run(["lock", id, "-y"]);
    for (const [words, expected] of [
      ["lock", 503],
      ["unlock", 200],
      ["lock", 503],
      ["unlock", 200],
      ["protect", 401],
    ] as const) {
      const how = words === "protect" ? ["--port", String(upstream.port), "--basic", "ops"] : [];
      const ran = await line.run([words, id, ...how, "-y", "--wait"]);
      expect([ran.exit, ran.err]).toEqual([0, expect.stringContaining("every proxy enforces it")]);
      expect([words, await statusNow(id)]).toEqual([words, expected]);
    }
    const dry = ["protect", id, "--port", "1", "--basic", "ops", "--validate-only", "--wait"];
    expect((await line.run(dry)).err).not.toContain("enforces");
  });

  test("of its project keeps a container closed: unlock says so, and so does protect", async () => {
    const id = await newBox();
    const { project_id: project } = await api.data("GET", `/containers/${id}`);
    const state = `/projects/${project}/proxy/permissions/state`;
    const { etag } = await api.data("GET", `/projects/${project}/proxy/permissions`);
    const turn = (enable_proxy: boolean, version: string) =>
      api.data("PATCH", state, { headers: { "If-Match": version }, body: { enable_proxy } });
    const off = await turn(false, etag);
    const fix = `its project is locked: realmgate projects proxy state --project ${project} --if-match latest --enable-proxy`;
    const ran = await line.run(["unlock", id, "-y"]);
    expect(ran).toMatchObject({ exit: 1, err: `error: ${id} is not locked, but ${fix}\n` });
    expect((await line.run(["lock", id, "-y"])).exit).toBe(0);
    const both = await line.run(["unlock", id, "-y"]);
    expect(both.exit).toBe(0);
    expect(both.err).toContain(`warning: nothing of it is reachable, for ${fix}`);
    const ip = ["--ip", "127.0.0.0/8", "--port", "80", "-y"];
    expect((await line.run(["protect", id, ...ip])).err).toContain(fix);
    await turn(true, off.etag);
    expect(await line.run(["unlock", id, "-y"])).toMatchObject({
      ...{ exit: 0, err: `${id} is not locked\n` },
    });
  });

  test("is not `proxy state` whose flag was forgotten, also with --yes", async () => {
    const id = await newBox();
    for (const extra of [[], ["--yes"]]) {
      const words = ["containers", "proxy", "state", "-c", id, "--if-match", "latest", ...extra];
      const ran = await line.run(words);
      expect(ran).toMatchObject({ exit: 2, out: "" });
      expect(ran.err).toContain("--no-enable-proxy for the kill switch");
    }
    expect(await documentOf(id)).toMatchObject({ file_version: 0, enable_proxy: true });
  });
});

describe("a first group while the default is allow", () => {
  const warning = 'The default is still "allow"';

  test("is warned about over REST and gRPC, for containers and projects, and later writes are not", async () => {
    const id = await newBox();
    const path = `/containers/${id}/proxy/permissions`;
    const body = { value: "token-abc-123", header: "X-Api-Token" };
    const write = (version: number, where = path) =>
      api.data("PUT", `${where}/groups/partners/token`, {
        body,
        headers: { "if-match": `file:v${version}` },
      });
    const dry = await api.data("PUT", `${path}/groups/partners/token?validate_only=true`, {
      body,
      headers: { "if-match": "file:v0" },
    });
    expect(dry.warnings.join()).toContain(warning);
    expect((await write(0)).warnings.join()).toContain(warning);
    expect((await write(1)).warnings).toBeUndefined();
    const other = await newBox();
    using grpc = new GrpcClient(Number(new URL(program.urls.grpc).port));
    const { token } = await api.data("POST", "/auth/tokens", { body: {} });
    const answer = await grpc.call(
      ContainerPermissionsService.method.setTokenGroup,
      create(SetTokenGroupRequestSchema, { id: other, name: "partners", group: body }),
      { authorization: `Bearer ${token}`, "if-match": "file:v0" },
    );
    if (!answer.ok) throw new Error(answer.code);
    expect(answer.message.warnings.join()).toContain(warning);
    const project = await api.data("POST", "/projects", { body: { alias: "warned" } });
    const ofProject = `/projects/${project.id}/proxy/permissions`;
    expect((await write(0, ofProject)).warnings.join()).toContain(warning);
  });

  test("is said by the command line, with -q as well", async () => {
    const words = (id: string) =>
      `containers proxy groups token set -c ${id} --if-match latest --group-name a --value b --header X-A`.split(
        " ",
      );
    const shown = await line.run(words(await newBox()));
    expect(shown.out).toContain(warning);
    const quiet = await line.run([...words(await newBox()), "-q"]);
    expect(quiet).toMatchObject({ exit: 0, out: "file:v1\n" });
    expect(quiet.err).toContain(warning);
  });
});

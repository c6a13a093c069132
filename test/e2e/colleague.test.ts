// From an e-mail address to a ban: a colleague is let in to look, sees who can reach what and who was there, and is shut out.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Api, loginAdmin, makePlace, type Place, through } from "../harness/client.ts";
import { type CommandLine, commandLine } from "../harness/command-line.ts";
import { basic } from "../harness/credentials.ts";
import {
  adminPassword,
  type Program,
  startProgram,
  startUpstream,
  type Upstream,
} from "../harness/program.ts";

// Every command is a process of its own, on a machine that may have others to run.
setDefaultTimeout(60_000);

const resources = new AsyncDisposableStack();
let program: Program;
let upstream: Upstream;
let operator: Api;
let place: Place;

beforeAll(async () => {
  upstream = resources.use(await startUpstream());
  program = resources.use(await startProgram());
  operator = await loginAdmin(program.urls);
  place = await makePlace(operator, program.urls, upstream.port);
});

afterAll(() => resources.disposeAsync());

/** A command line with a home of its own, logged in. */
async function homeOf(username: string, password: string): Promise<CommandLine> {
  const site = program.urls.rest.replace("127.0.0.1", "localhost");
  const line = resources.use(
    commandLine({ REALMGATE_BASE_URL: site, REALMGATE_CONTAINER: place.containerId }),
  );
  const login = ["login", "-u", username, "--password-stdin"];
  expect(await line.run(login, { stdin: password })).toMatchObject({ exit: 0 });
  return line;
}

test("a colleague who was added by e-mail sees who can reach what, and an operator's ban ends it at the next call", async () => {
  const signup = { email: "cleo@example.com", password: "Correct horse 1" };
  const refused = await new Api(program.urls.rest).call("POST", "/auth/signup", { body: signup });
  expect(refused.status).toBe(403);

  const admin = await homeOf("admin", adminPassword);
  const run = (words: string) => admin.run(words.split(" "));
  const made = await run("users create cleo --email cleo@example.com");
  const password = /password \(shown only now\): (\S+)/.exec(made.err)?.[1] ?? "";
  expect(password).not.toBe("");
  const project = (await operator.data("GET", `/projects/${place.projectId}`)).alias;
  const share = `projects permissions create --project ${project} --user cleo@example.com --permission-level read`;
  expect(await run(share)).toMatchObject({ exit: 0 });
  const protect = "protect --program terminal --basic ops -y -o json";
  const secret = JSON.parse((await run(protect)).out).password;

  const cleo = await homeOf("cleo@example.com", password);
  const see = (words: string) => cleo.run(words.split(" "));
  const access = await see("access");
  expect(access).toMatchObject({ exit: 0 });
  expect(access.out).toContain("ops");

  // The id on a refusal leads to its row, its reason and explain's sentence.
  const page = await through(program.urls, place.host("terminal-1"), {
    path: "/panel",
    headers: { accept: "text/html" },
  });
  expect(page.status).toBe(401);
  const requestId = /[0-9a-f]{24}/.exec(await page.text())?.[0] ?? "";
  const row = await see(`proxy logs list --request-id ${requestId} -o json`);
  expect(JSON.parse(row.out).entries).toMatchObject([
    { request_id: requestId, status: 401, reason: "unauthenticated", url: "/panel" },
  ]);
  // By name, as he knows it: it is in a project of another account, and explain only looks.
  const { name } = await operator.data("GET", `/containers/${place.containerId}`);
  const explained = await see(`explain ${name} --request ${requestId}`);
  expect(explained).toMatchObject({ exit: 0 });
  expect(explained.out).toStartWith("401: ");
  const opened = await through(program.urls, place.host("terminal-1"), {
    headers: { authorization: basic(`ops:${secret}`) },
  });
  expect(opened.status).toBe(200);

  // Nothing of what he sees has the secret, and what he may not do says what is missing.
  const seen = [
    access,
    row,
    explained,
    await see("events list -o json"),
    await see("connections list"),
  ];
  for (const { out, err } of seen) expect(out + err).not.toContain(secret);
  const write = await see("containers proxy default --if-match file:v1 --default allow");
  expect(write).toMatchObject({ exit: 4 });
  expect(write.err).toContain("this needs the level edit in the project, and yours is read");

  expect(await run("users ban cleo@example.com")).toMatchObject({ exit: 0 });
  const after = await see("access");
  expect(after).toMatchObject({ exit: 4, out: "" });
  expect(after.err).toContain("banned");

  const kinds = (await operator.data("GET", "/events?limit=100")).events.map(
    ({ kind }: { kind: string }) => kind,
  );
  expect(kinds).toEqual(
    expect.arrayContaining(["user.created", "user.banned", "call.refused", "auth.session.created"]),
  );
  const ofProject = await operator.data("GET", `/events?project_id=${place.projectId}&limit=100`);
  expect(ofProject.events.map(({ kind }: { kind: string }) => kind)).toContain(
    "proxy.permissions.updated",
  );
});

test("no secret of the tour is found in any file of the data directory", async () => {
  const own = { email: "dora@example.com", username: "dora", password: "Dora's password 9" };
  await operator.data("POST", "/users", { body: own });
  const dora = await new Api(program.urls.rest).data("POST", "/users/auth/login", {
    body: { username: own.username, password: own.password },
  });
  const { token } = await operator.data("POST", "/auth/tokens", { body: { alias: "for grep" } });
  const secrets = {
    jwt: "a JWT secret of thirty-two characters",
    token: "TOKEN-of-partners-4711",
    basic: "PASSWORD-of-ops-4711",
    hook: "HEADER-of-a-hook-4711",
    target: "TARGET-of-an-alias-4711",
  };
  await place.container.replace({
    groups: {
      customers: { type: "jwt", secret: secrets.jwt, sources: ["header:Authorization"] },
      partners: { type: "token", value: secrets.token, header: "X-Api-Token" },
      ops: { type: "password", username: "ops", password: secrets.basic, salt: "pepper" },
    },
    permissions: { customers: { terminal: true }, ops: { terminal: true, curl: true } },
    hooks: {
      terminal: [
        { match: { headers: { "x-secret": secrets.hook } }, script: { path: "/audit.js" } },
      ],
    },
  });
  const alias = { container_id: place.containerId, program: "curl", alias: "grep-me" };
  await operator.data("POST", "/proxy/aliases", {
    body: { ...alias, target_path: `/proxy?auth=Bearer%20${secrets.target}` },
  });
  for (const headers of [
    { authorization: basic(`ops:${secrets.basic}`) },
    { "x-api-token": secrets.token },
    { "x-api-token": `wrong-${secrets.token}` },
  ]) {
    await through(program.urls, place.host("terminal-1"), {
      headers,
      path: `/?q=${secrets.token}`,
    });
  }
  const wrong = { body: { username: "dora", password: `${own.password}!` } };
  await new Api(program.urls.rest).call("POST", "/users/auth/login", wrong);
  // Whatever waits to be written is there when the process has ended.
  program.signal("SIGTERM");
  await program.exited;
  const files = readdirSync(program.dataDir).filter((name) => name !== "secret.key");
  expect(files.length).toBeGreaterThan(2);
  const all = [
    adminPassword,
    own.password,
    dora.token,
    dora.refreshToken,
    token,
    ...Object.values(secrets),
  ];
  for (const file of files) {
    const bytes = readFileSync(join(program.dataDir, file));
    const found = all.filter(
      (secret) => bytes.includes(secret) || bytes.includes(encodeURIComponent(secret)),
    );
    expect({ file, found }).toEqual({ file, found: [] });
  }
});

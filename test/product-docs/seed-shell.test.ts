// Every shell line of the descriptions, verbatim but for the command's name, at the hosts that they name: a proxy brings
// https://api.hoody.icu and its realms to the program. `<N>` is the version before; dates that are over are a day from now.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "../harness/certificate.ts";
import { type Answer, type Api, loginAdmin } from "../harness/client.ts";
import { type CommandLine, commandLine } from "../harness/command-line.ts";
import { type ConnectProxy, startConnectProxy } from "../harness/connect-proxy.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";
import { seed000, seed002 } from "./fixtures/seed-shell.ts";

// Every command is a process of its own, on a machine that may have others to run.
setDefaultTimeout(30_000);

const REALM = "507f1f77bcf86cd799439011";
const STAGING = "60d5f1f3a3b4f9c3e8a1b2c3";

const resources = new AsyncDisposableStack();
let program: Program;
let proxy: ConnectProxy;
let line: CommandLine;
let api: Api;
let projectId: string;
let containerId: string;
let serverId: string;

beforeAll(async () => {
  const certificate = selfSigned("api.hoody.icu", "*.api.hoody.icu");
  program = resources.use(await startProgram());
  api = await loginAdmin(program.urls);
  const port = Number(new URL(program.urls.rest).port);
  proxy = resources.use(await startConnectProxy(port, certificate));
  line = resources.use(commandLine({ HTTPS_PROXY: proxy.url }));
  writeFileSync(join(line.folder, "authority.pem"), certificate.cert);
  const login = await run(`realmgate login -u admin --password-stdin`, `${adminPassword}\n`);
  expect(login).toMatchObject({ exit: 0, out: "" });
  projectId = (await api.data("POST", "/projects", { body: { alias: "shell" } })).id;
  const box = { name: "shell-box" };
  containerId = (await api.data("POST", `/projects/${projectId}/containers`, { body: box })).id;
  serverId = (await api.data("GET", "/servers")).servers[0].id;
});

afterAll(() => resources.disposeAsync());

/** As the description has it, with the version that it leaves open and a date to come. */
function verbatim(text: string, version: number | string = 0): string {
  const inADay = new Date(Date.now() + 86_400_000).toISOString();
  return text
    .replace(/^hoody /, "realmgate ")
    .replaceAll("<N>", String(version))
    .replace(/"2026-0[47]-\d\dT00:00:00Z"/, `"${inADay}"`);
}

function environment(): Record<string, string> {
  return {
    PROJECT_ID: projectId,
    CONTAINER_ID: containerId,
    SERVER_ID: serverId,
    REALMGATE_BASE_URL: "https://api.hoody.icu",
    NODE_EXTRA_CA_CERTS: join(line.folder, "authority.pem"),
  };
}

function run(text: string, stdin = "") {
  return line.shell(text, { environment: environment(), stdin });
}

describe("the shell lines on projects and realms", () => {
  /** A line that works, and what it prints as JSON: the description's words first, the format is ours to add. */
  async function json(text: string, extra: Record<string, string> = {}) {
    const env = { ...environment(), ...extra };
    const ran = await line.shell(`${verbatim(text)} -o json`, { environment: env });
    expect({ ...ran, out: "" }).toEqual({ exit: 0, out: "", err: "" });
    return JSON.parse(ran.out);
  }

  test("a project is made and listed", async () => {
    const created = await run(verbatim(seed000[25]));
    expect(created).toMatchObject({ exit: 0, err: "" });
    const listed = await run(verbatim(seed000[27]));
    expect(listed).toMatchObject({ exit: 0, err: "" });
    const { projects } = await api.data("GET", "/projects");
    const project = projects.find(({ alias }: { alias: string }) => alias === "production-api");
    expect(created.out).toContain(project.id);
    expect(listed.out).toContain(`${project.id}  production-api`);
  });

  test("a container is made in a project", async () => {
    const made = await json(seed000[29]);
    expect(await api.data("GET", `/containers/${made.id}`)).toMatchObject({
      name: "api-server",
      project_id: projectId,
      server_id: serverId,
    });
  });

  test("the host chooses the realm", async () => {
    const made = await json(seed000[57]);
    expect(made).toMatchObject({ alias: "prod-services", realm_ids: [REALM] });
    const inside = { name: "inside" };
    await api.data("POST", `/projects/${made.id}/containers`, {
      body: { ...inside, realm_ids: [REALM] },
    });
    const { containers } = await json(seed000[54]);
    expect(containers.map(({ name }: { name: string }) => name)).toEqual(["inside"]);
    expect(proxy.hosts).toContain(`${REALM}.api.hoody.icu:443`);
  });

  test("tokens are made, know their realms, and realms are listed", async () => {
    const pipeline = await json(seed000[95]);
    expect(pipeline).toMatchObject({
      alias: "ci-staging-deploy",
      realm_ids: [STAGING],
      allow_no_realm: false,
    });
    const freelancer = await json(seed000[136]);
    expect(freelancer).toMatchObject({ realm_ids: [REALM], allow_no_realm: false });
    expect(freelancer.ip_whitelist).toEqual(["203.0.113.44"]);
    const current = await json(seed000[60], { HOODY_TOKEN: pipeline.token });
    expect(current.restrictions).toMatchObject({
      allowed_realm_ids: [STAGING],
      requires_realm_scope: true,
    });
    const { realm_ids } = await json(seed000[217]);
    expect(realm_ids.toSorted()).toEqual([REALM, STAGING]);
  });
});

describe("the shell lines on permissions", () => {
  const office = { type: "ip", range: "198.51.100.0/24" };

  interface Step {
    /** Line of the description. */
    readonly at: keyof typeof seed002;
    readonly level: "projects" | "containers";
    /** What the document has afterwards. */
    readonly leaves: unknown;
    /** What it has before, where that matters. */
    readonly given?: unknown;
    /** What the description leaves to the reader. */
    readonly fill?: readonly (readonly [string, string])[];
  }

  const placeholders = [
    ["<name>", "team"],
    ["'{...}'", `'{"type": "ip", "range": "203.0.113.0/24"}'`],
    ["<name>", "team"],
    ["'{...}'", `'{"http": true}'`],
  ] as const;
  const developers = { developers: { type: "ip", range: "203.0.113.0/24" } };
  const mayAll = { terminal: true, display: true, files: true, http: true, ssh: true };
  const given = {
    groups: { ...developers, office },
    permissions: { developers: { http: true, terminal: true } },
    default: "deny",
  };

  const steps: readonly Step[] = [
    {
      at: 87,
      level: "projects",
      leaves: {
        groups: { team: { type: "ip", range: "203.0.113.0/24" } },
        permissions: { team: { terminal: [1, 2], files: true, display: 1, http: true } },
        default: "deny",
      },
    },
    {
      at: 93,
      level: "containers",
      leaves: {
        groups: { public: { type: "ip", range: "0.0.0.0/0" } },
        permissions: { public: { http: true, terminal: false, files: false } },
        default: "deny",
      },
    },
    {
      at: 182,
      level: "projects",
      leaves: { groups: developers, permissions: { developers: mayAll }, default: "deny" },
    },
    {
      at: 188,
      level: "containers",
      leaves: {
        groups: {
          customers: {
            type: "jwt",
            secret: "customer-jwt-secret",
            algorithm: "HS256",
            sources: ["header:Authorization"],
          },
          admin: { type: "password", username: "admin", salt: "unique-salt" },
        },
        permissions: { customers: { http: true }, admin: mayAll },
        default: "deny",
      },
    },
    {
      at: 194,
      level: "projects",
      leaves: {
        groups: {
          ops_team: { type: "ip", range: "203.0.113.0/24" },
          developers: { type: "ip", range: "198.51.100.0/24" },
          readonly_users: { type: "password", username: "viewer", salt: "salt" },
        },
        permissions: {
          ops_team: mayAll,
          developers: { terminal: true, files: true, http: true, ssh: false },
          readonly_users: { http: true, terminal: false, display: false, files: false },
        },
        default: "deny",
      },
    },
    {
      at: 209,
      level: "projects",
      fill: placeholders,
      leaves: { permissions: { team: { http: true } }, default: "deny" },
    },
    {
      at: 221,
      level: "containers",
      fill: placeholders,
      leaves: { permissions: { team: { http: true } }, default: "deny" },
    },
    {
      at: 210,
      level: "projects",
      given,
      leaves: { groups: {}, permissions: {}, default: "allow" },
    },
    { at: 222, level: "containers", given, leaves: { groups: {}, default: "allow" } },
    {
      at: 211,
      level: "projects",
      given: { ...given, default: "allow" },
      leaves: { default: "deny" },
    },
    { at: 223, level: "containers", given, leaves: { default: "allow", groups: given.groups } },
    { at: 212, level: "projects", given, leaves: { enable_proxy: false, groups: given.groups } },
    { at: 309, level: "projects", given, leaves: { enable_proxy: false } },
    { at: 310, level: "containers", given, leaves: { enable_proxy: false } },
    {
      at: 311,
      level: "containers",
      given: { ...given, enable_proxy: false },
      leaves: { enable_proxy: true },
    },
    {
      at: 231,
      level: "projects",
      given,
      leaves: {
        groups: {
          ...given.groups,
          "api-users": {
            type: "jwt",
            secret: "jwt-secret",
            algorithm: "HS256",
            sources: ["header:Authorization"],
          },
        },
      },
    },
    {
      at: 232,
      level: "projects",
      given: { ...given, groups: developers },
      leaves: { groups: { ...developers, office } },
    },
    { at: 233, level: "projects", given, leaves: { groups: developers } },
    {
      at: 239,
      level: "projects",
      given: { ...given, permissions: { developers: { http: true } } },
      leaves: { permissions: { developers: { http: true, terminal: true } } },
    },
    {
      at: 240,
      level: "projects",
      given,
      leaves: { permissions: { developers: { http: true, terminal: true, display: 1 } } },
    },
    {
      at: 241,
      level: "projects",
      given,
      leaves: { permissions: { developers: { http: true, terminal: [1, 2, 3] } } },
    },
    { at: 242, level: "projects", given, leaves: { permissions: {}, groups: given.groups } },
    { at: 243, level: "projects", given, leaves: { permissions: { developers: { http: true } } } },
  ];

  function pathOf(level: Step["level"]): string {
    return `/${level}/${level === "projects" ? projectId : containerId}/proxy/permissions`;
  }

  /** What is left when only the fields that are named are looked at; whole maps are compared whole. */
  function named(document: Answer["body"], leaves: object): unknown {
    const groups = Object.entries((document.groups ?? {}) as Record<string, object>).map(
      ([name, group]) => {
        // Passwords are kept as digests of themselves.
        const { password: _, ...rest } = group as { password?: string };
        return [name, "password" in group ? withoutDefaults(rest) : group];
      },
    );
    const shown = { ...document, groups: Object.fromEntries(groups) };
    return Object.fromEntries(Object.keys(leaves).map((field) => [field, shown[field]]));
  }

  function withoutDefaults({ algorithm: _, ...rest }: { algorithm?: string }): object {
    return rest;
  }

  test.each(steps)("line $at does at $level what it says", async (step) => {
    const path = pathOf(step.level);
    let { etag } = await api.data("GET", path);
    if (step.given !== undefined) {
      const body = step.given;
      const headers = { "if-match": etag };
      ({ etag } = await api.data("PUT", path, { body, headers }));
    }
    let text = verbatim(seed002[step.at], etag.slice("file:v".length));
    for (const [placeholder, value] of step.fill ?? []) text = text.replace(placeholder, value);
    // What deletes asks first, as it does at any terminal, and so does the kill switch.
    const asks = / (delete|clear) /.test(text) || / state (?!.*--enable-proxy)/.test(text);
    const ran = asks
      ? await line.atTerminal(text, [{ after: "[y/N] ", keys: "y\r" }], {
          environment: environment(),
        })
      : await run(text);
    expect({ exit: ran.exit, err: ran.err }).toEqual({ exit: 0, err: "" });
    const document = await api.data("GET", path);
    expect(ran.out).toContain(document.etag);
    expect(named(document, step.leaves as object)).toEqual(step.leaves);
  });

  test.each([
    [208, "projects"],
    [220, "containers"],
    [275, "projects"],
  ] as const)("line %d prints the document with its version", async (at, level) => {
    const document = await api.data("GET", pathOf(level));
    const table = await run(verbatim(seed002[at]));
    expect(table).toMatchObject({ exit: 0, err: "" });
    expect(table.out).toContain(document.etag);
    const json = await run(`${verbatim(seed002[at])} -o json`);
    expect(JSON.parse(json.out)).toEqual(document);
  });

  test("every line of the description is played", () => {
    const played = new Set([...steps.map(({ at }) => at), 208, 220, 275]);
    expect(Object.keys(seed002).filter((at) => !played.has(Number(at)))).toEqual([]);
  });
});

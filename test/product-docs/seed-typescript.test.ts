// biome-ignore-all lint/style/noNonNullAssertion: the snippets are the seeds' own text.
// biome-ignore-all lint/style/useTemplate: as above.
// biome-ignore-all format: and so is how they are laid out.
// Every TypeScript snippet of the seeds as written, against the real program: only the import and the addresses are ours.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { PermissionDocument } from "../../src/client/gen/api.ts";
import type { Answer } from "../../src/client/http.ts";
import { HoodyClient, type RealmgateClient } from "../../src/client/realmgate-client.ts";
import { adminPassword, type Echo, type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";
import { Account } from "./seed-000/account.ts";

let program: Program;
let upstream: Upstream;
/** The operator: says where containers are. */
let client: RealmgateClient;
let API: string;
let containersUrl: string;

const SERVER = "local";
let PROJECT_ID: string;
let CONTAINER_ID: string;

beforeAll(async () => {
  [program, upstream] = await Promise.all([
    startProgram({ environment: { REALMGATE_SIGNUP: "on" } }),
    startUpstream(),
  ]);
  API = program.urls.rest.replace("127.0.0.1", "localhost");
  containersUrl = `http://containers.localhost:${new URL(program.urls.proxy).port}`;
  client = await HoodyClient.authenticate(
    API,
    { username: "admin", password: adminPassword },
    { containersUrl },
  );
}, 30_000);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

let places = 0;

beforeEach(async () => {
  const project = await client.api.projects.create({ alias: `place-${++places}` });
  PROJECT_ID = project.data.id;
  const { port } = upstream;
  const container = await client.api.containers.create(PROJECT_ID, {
    address: "127.0.0.1",
    programs: { terminal: { port }, curl: { port } },
  });
  CONTAINER_ID = container.data.id;
  await enforced(container);
});

async function enforced({ revision }: Answer<unknown>): Promise<void> {
  const response = await fetch(`${program.urls.ops}/readyz?revision=${revision}&wait_ms=5000`);
  expect(response.status).toBe(200);
}

/** What is stored, without what is said about it. */
async function stored(level: "Project" | "Container"): Promise<Partial<PermissionDocument>> {
  const api = client.api[`proxyPermissions${level}`];
  const { data } = await api.get(level === "Project" ? PROJECT_ID : CONTAINER_ID);
  const { groups, permissions, default: fallback, enable_proxy } = data;
  return { groups, permissions, ...(fallback === undefined ? {} : { default: fallback }), ...(enable_proxy === undefined ? {} : { enable_proxy }) };
}

const open = { groups: {}, permissions: {}, default: "allow", enable_proxy: true } as const;

test("a platform provider makes a workspace and a token for a customer", async () => {
  const provider = await Account.open(program.urls);
  const server = await provider.serverId();
  const variables = {
    PROVIDER_EMAIL: provider.email,
    PROVIDER_PASSWORD: provider.password,
    SERVER_ID: server,
  };
  Object.assign(process.env, variables);
  try {
    // You: the platform provider — log in with account credentials
    const hoody = await HoodyClient.authenticate(API, {
      username: process.env.PROVIDER_EMAIL!,
      password: process.env.PROVIDER_PASSWORD!,
    });
    // Pick a realm ID for the new customer (24-hex)
    const realmId = '507f1f77bcf86cd799439011';
    // 1. Pre-create at least one project in the realm.
    const project = await hoody.api.projects.create({
      alias: 'acme-workspace',
      realm_ids: [realmId],
    });
    // 2. Optionally pre-create containers in that project / realm.
    await hoody.api.containers.create(project.data!.id, {
      server_id: process.env.SERVER_ID!,
      name: 'acme-box-1',
      hoody_kit: true,
      realm_ids: [realmId],
    });
    // 3. Issue the customer a realm-scoped token
    const created = await hoody.api.authTokens.create({
      alias: 'Customer: Acme Corp',
      permission_template: 'external_customer',
      realm_ids: [realmId],
      allow_no_realm: false,
      ip_whitelist: ['203.0.113.0/24'],
      expires_at: '2026-12-31T00:00:00Z',
    });
    // The token value is returned ONCE, at creation.
    const customerToken = created.data!.token;

    expect([project.statusCode, created.statusCode]).toEqual([201, 201]);
    expect(customerToken).toStartWith("hdy_");
    expect(created.data).toMatchObject({ alias: "Customer: Acme Corp", realm_ids: [realmId] });
    const shown = await hoody.api.authTokens.get(created.data!.id);
    expect(shown.data).not.toHaveProperty("token");
    // Hand the customer: token + https://507f1f77bcf86cd799439011.api.hoody.icu
    const customer = new HoodyClient({ baseUrl: API, realm: realmId, credential: customerToken ?? null, fetch: from("203.0.113.7") });
    const { containers } = (await customer.api.containers.list()).data;
    expect(containers.map(({ name }) => name)).toEqual(["acme-box-1"]);
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
});

/** A fetch of somebody at that address, as the trusted proxy on this machine says. */
function from(address: string) {
  return (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.set("x-forwarded-for", address);
    return fetch(url, { ...init, headers });
  };
}

describe("replace", () => {
  test("project-level permissions", async () => {
    await client.api.proxyPermissionsProject.replace(PROJECT_ID, { groups: { team: { type: 'ip', range: '203.0.113.0/24' } }, permissions: { team: { terminal: [1, 2], files: true, display: 1, http: true } }, default: 'deny'});
    expect(await stored("Project")).toMatchObject({
      groups: { team: { type: "ip", range: "203.0.113.0/24" } },
      permissions: { team: { terminal: [1, 2], files: true, display: 1, http: true } },
      default: "deny",
      enable_proxy: true,
    });
  });

  test("container-level permissions", async () => {
    await client.api.proxyPermissionsContainer.replace(CONTAINER_ID, { groups: { public: { type: 'ip', range: '0.0.0.0/0' } }, permissions: { public: { http: true, terminal: false, files: false } }, default: 'deny'});
    expect(await stored("Container")).toMatchObject({
      groups: { public: { type: "ip", range: "0.0.0.0/0" } },
      permissions: { public: { http: true, terminal: false, files: false } },
      default: "deny",
    });
  });

  test("example 1: a development team", async () => {
    await client.api.proxyPermissionsProject.replace(PROJECT_ID, { groups: { developers: { type: 'ip', range: '203.0.113.0/24' } }, permissions: { developers: { terminal: true, display: true, files: true, http: true, ssh: true } }, default: 'deny'});
    expect((await stored("Project")).permissions).toEqual({
      developers: { terminal: true, display: true, files: true, http: true, ssh: true },
    });
  });

  test("example 2: a public API with a private admin", async () => {
    await client.api.proxyPermissionsContainer.replace(CONTAINER_ID, { groups: { customers: { type: 'jwt', secret: 'customer-jwt-secret', algorithm: 'HS256', sources: ['header:Authorization'] }, admin: { type: 'password', username: 'admin', password: 'hashed-admin-password', algorithm: 'sha256', salt: 'unique-salt' } }, permissions: { customers: { http: true }, admin: { terminal: true, display: true, files: true, http: true, ssh: true } }, default: 'deny'});
    const { groups } = await stored("Container");
    expect(groups).toMatchObject({
      customers: { type: "jwt", algorithm: "HS256", sources: ["header:Authorization"] },
      admin: { type: "password", username: "admin", algorithm: "sha256", salt: "unique-salt" },
    });
    expect(groups?.admin?.password).toMatch(/^[0-9a-f]{64}$/);
  });

  test("example 3: several tiers", async () => {
    await client.api.proxyPermissionsProject.replace(PROJECT_ID, { groups: { ops_team: { type: 'ip', range: '203.0.113.0/24' }, developers: { type: 'ip', range: '198.51.100.0/24' }, readonly_users: { type: 'password', username: 'viewer', password: 'hashed-pass', salt: 'salt' } }, permissions: { ops_team: { terminal: true, display: true, files: true, http: true, ssh: true }, developers: { terminal: true, files: true, http: true, ssh: false }, readonly_users: { http: true, terminal: false, display: false, files: false } }, default: 'deny'});
    const { groups, permissions } = await stored("Project");
    expect(Object.keys(groups ?? {})).toEqual(["ops_team", "developers", "readonly_users"]);
    expect(permissions?.readonly_users).toEqual({ http: true, terminal: false, display: false, files: false });
  });
});

describe("configuration endpoints", () => {
  test("of a project", async () => {
    await client.api.proxyPermissionsProject.replace(PROJECT_ID, team);
    const before = await stored("Project");
    // Get current config
    const config = await client.api.proxyPermissionsProject.get(PROJECT_ID);

    // Set project permissions
    await client.api.proxyPermissionsProject.replace(PROJECT_ID, { ...config });
    expect(await stored("Project")).toEqual(before);

    // Delete all permissions (revert to open)
    await client.api.proxyPermissionsProject.delete(PROJECT_ID);
    expect(await stored("Project")).toEqual(open);

    // Update default policy only
    await client.api.proxyPermissionsProject.updateDefault(PROJECT_ID, { default: 'deny' });
    expect(await stored("Project")).toEqual({ ...open, default: "deny" });
  });

  test("of a container", async () => {
    await client.api.proxyPermissionsContainer.replace(CONTAINER_ID, team);
    const before = await stored("Container");
    // Get container config
    const config = await client.api.proxyPermissionsContainer.get(CONTAINER_ID);

    // Set container permissions (override project)
    await client.api.proxyPermissionsContainer.replace(CONTAINER_ID, { ...config });
    expect(await stored("Container")).toEqual(before);

    // Delete container permissions (revert to project-level)
    await client.api.proxyPermissionsContainer.delete(CONTAINER_ID);
    expect(await stored("Container")).toEqual(open);

    // Update default policy
    await client.api.proxyPermissionsContainer.updateDefault(CONTAINER_ID, { default: 'allow' });
    expect(await stored("Container")).toEqual(open);
  });

  test("of groups", async () => {
    // Add JWT group to project
    await client.api.proxyPermissionsProject.setJwtGroup(PROJECT_ID, 'api-users', { secret: 'jwt-secret', algorithm: 'HS256', sources: ['header:Authorization']});

    // Add IP group
    await client.api.proxyPermissionsProject.setIpGroup(PROJECT_ID, 'office', { range: '198.51.100.0/24'});
    expect((await stored("Project")).groups).toMatchObject({
      "api-users": { type: "jwt", secret: "jwt-secret" },
      office: { type: "ip", range: "198.51.100.0/24" },
    });

    // Remove group
    await client.api.proxyPermissionsProject.removeAuthGroup(PROJECT_ID, 'office');
    expect(Object.keys((await stored("Project")).groups ?? {})).toEqual(["api-users"]);
  });

  test("of permissions", async () => {
    await client.api.proxyPermissionsProject.setIpGroup(PROJECT_ID, "developers", { range: "203.0.113.0/24" });
    const developers = async () => (await stored("Project")).permissions?.developers;
    // Set permissions (all terminal instances)
    await client.api.proxyPermissionsProject.setGroup(PROJECT_ID, 'developers', { program: 'terminal', access: true});
    expect(await developers()).toEqual({ terminal: true });

    // Set permissions (specific instance)
    await client.api.proxyPermissionsProject.setGroup(PROJECT_ID, 'developers', { program: 'display', access: 1});

    // Set permissions (multiple instances)
    await client.api.proxyPermissionsProject.setGroup(PROJECT_ID, 'developers', { program: 'terminal', access: [1, 2, 3]});
    expect(await developers()).toEqual({ terminal: [1, 2, 3], display: 1 });

    // Remove all permissions for a group
    await client.api.proxyPermissionsProject.removeGroup(PROJECT_ID, 'developers');
    expect(await stored("Project")).toMatchObject({ groups: { developers: {} }, permissions: {} });
  });

  const team = {
    groups: { team: { type: "ip", range: "203.0.113.0/24" } },
    permissions: { team: { terminal: [1, 2] } },
    default: "deny",
  } as const;
});

describe("the verification of a configuration", () => {
  test("reads it and runs a command in a terminal", async () => {
    const log: string[] = [];
    const console = { log: (text: string) => log.push(text) };
    // Get current config to verify
    const config = await client.api.proxyPermissionsProject.get(PROJECT_ID);
    console.log(JSON.stringify(config.data, null, 2));

    // Test access programmatically via container client
    const containerClient = await client.withContainer({ id: CONTAINER_ID, project_id: PROJECT_ID, server: SERVER});
    const result = await containerClient.terminal.execution.execute({ command: 'echo "access works"'});

    expect(JSON.parse(log[0] ?? "")).toMatchObject({ groups: {}, etag: "file:v0" });
    const { method, url, headers, body } = result.data as Echo;
    expect([result.statusCode, method, url, body]).toEqual([
      200,
      "POST",
      "/execute",
      '{"command":"echo \\"access works\\""}',
    ]);
    // The credential of the management API is none of the program's business.
    expect(headers).not.toHaveProperty("authorization");
    expect(headers["x-realmgate-program"]).toBe("terminal");
  });

  test("tells why it cannot, and can with a credential of a group", async () => {
    await client.api.proxyPermissionsContainer.setPasswordGroup(CONTAINER_ID, "admin", { username: "admin", password: "s3cret", salt: "x" });
    await client.api.proxyPermissionsContainer.setGroup(CONTAINER_ID, "admin", { program: "terminal", access: 1 });
    await enforced(await client.api.proxyPermissionsContainer.updateDefault(CONTAINER_ID, { default: "deny" }));
    const name = { id: CONTAINER_ID, project_id: PROJECT_ID, server: SERVER };
    const command = { command: "true" };
    const nobody = await client.withContainer(name);
    await expect(nobody.terminal.execution.execute(command)).rejects.toMatchObject({
      name: "ApiError",
      statusCode: 401,
      code: "unauthenticated",
    });
    const admin = await client.withContainer({ id: CONTAINER_ID }, { type: "password", username: "admin", password: "s3cret" });
    expect((await admin.terminal.execution.execute(command)).statusCode).toBe(200);
    await expect(admin.terminal.execution.execute(command, { instance: 2 })).rejects.toMatchObject({
      statusCode: 403,
      code: "not_granted",
    });
  });
});

test("the proxy is switched off and on again", async () => {
  const box = await client.withContainer({ id: CONTAINER_ID });
  const status = async () => (await box.fetch("terminal", 1, "/")).status;
  // Disable at project level
  await enforced(await client.api.proxyPermissionsProject.updateState(PROJECT_ID, { enable_proxy: false }));
  expect(await status()).toBe(503);
  await enforced(await client.api.proxyPermissionsProject.updateState(PROJECT_ID, { enable_proxy: true }));
  expect(await status()).toBe(200);

  // Disable at container level
  await enforced(await client.api.proxyPermissionsContainer.updateState(CONTAINER_ID, { enable_proxy: false }));
  expect(await status()).toBe(503);

  // Re-enable
  await enforced(await client.api.proxyPermissionsContainer.updateState(CONTAINER_ID, { enable_proxy: true }));
  expect(await status()).toBe(200);
});

test("a bookmark of the curl program reaches it with everything it is to send", async () => {
  const box = await client.withContainer({ id: CONTAINER_ID });
  // Create a bookmark URL that deploys your app
  const curlService = box.url("curl", 1);
  const targetService = `${box.url("exec", 1)}/api/deploy`;
  const authToken = "your-jwt-token";

  const bookmarkUrl = `${curlService}/proxy?` + new URLSearchParams({ url: targetService, method: 'POST', auth: `Bearer ${authToken}`, body: JSON.stringify({ environment: 'production' })});

  // Click bookmark → Deployment triggered: what the program is told, as it is the program's to send it.
  const echo: Echo = await (await fetch(bookmarkUrl)).json();
  const told = new URL(echo.url, curlService);
  expect([echo.method, told.pathname, Object.fromEntries(told.searchParams)]).toEqual([
    "GET",
    "/proxy",
    { url: targetService, method: "POST", auth: "Bearer your-jwt-token", body: '{"environment":"production"}' },
  ]);
});

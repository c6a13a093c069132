// Explain and the access matrix over REST: what they say, what they keep to themselves, who may ask.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SignJWT } from "jose";
import { ControlPlane } from "../harness/control-plane.ts";
import { basic } from "../harness/credentials.ts";

const plane = new ControlPlane();
let owner: string;
let projectId: string;
let containerId: string;

const here = "a".repeat(24);
const there = "b".repeat(24);
/** The clock stands at the beginning of 2026. */
const nowS = Date.UTC(2026, 0, 1) / 1000;

const jwtSecret = "a shared secret of thirty-two bytes";
const secrets = {
  jwt: jwtSecret,
  password: "correct horse battery staple",
  salt: "some-salt",
  token: "t0ken-value-of-the-robot",
};

const document = {
  groups: {
    office: { type: "ip", range: "203.0.113.0/24" },
    customers: {
      type: "jwt",
      secret: secrets.jwt,
      algorithm: "HS256",
      sources: ["header:Authorization", "cookie:session"],
      claims: { aud: "app" },
    },
    ada: { type: "password", username: "ada", password: secrets.password, salt: secrets.salt },
    robot: { type: "token", value: secrets.token, header: "X-Key" },
    gone: { type: "ip", range: "203.0.113.0/24", enabled: false },
  },
  permissions: {
    office: { terminal: [1, 2], http: "3000-3005" },
    customers: { terminal: true },
    robot: { logs: true, files: 1 },
  },
  default: "deny",
};

beforeAll(async () => {
  plane.at(0);
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  owner = await plane.session("owner");
  projectId = (await make("/projects", { alias: "place" })).id;
  containerId = (await container("box")).id;
  await put(`/containers/${containerId}`, document, 0);
});

afterAll(() => plane[Symbol.asyncDispose]());

const make = (path: string, body: unknown) =>
  plane.data(owner, { method: "POST", path, realm: null, body });

const container = (name: string, more: object = {}) =>
  make(`/projects/${projectId}/containers`, {
    name,
    address: "10.0.0.7",
    programs: { terminal: { port: 7681, stride: 1 } },
    ...more,
  });

const put = (path: string, body: unknown, version: number) =>
  plane.data(owner, {
    method: "PUT",
    path: `${path}/proxy/permissions`,
    realm: null,
    body,
    ifMatch: `file:v${version}`,
  });

function ask(body: object, { id = containerId, as = owner, realm = null as string | null } = {}) {
  return plane.call(as, { method: "POST", path: `/containers/${id}/proxy/explain`, realm, body });
}

async function explain(body: object, id = containerId) {
  const { status, text } = await ask(body, { id });
  if (status !== 200) throw new Error(text);
  return JSON.parse(text).data;
}

/** `name: why` of each group. */
async function whys(body: object): Promise<Record<string, string>> {
  const { groups } = await explain({ program: "terminal", ...body });
  return Object.fromEntries(
    groups.map(({ name, why }: { name: string; why: string }) => [name, why]),
  );
}

function token(claims: Record<string, unknown>, secret = secrets.jwt): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(secret));
}

const authorization = (value: string) => ({ headers: [{ name: "authorization", value }] });

describe("a refused request is told", () => {
  test("as the README shows it", async () => {
    const told = await explain({ program: "terminal", instance: 3, ip: "203.0.113.7" });
    expect(told).toMatchObject({
      allow: false,
      status: 401,
      reason: "not_granted",
      document_origin: "container",
      document_version: 1,
      default: "deny",
      combine: "any",
      enable_proxy: true,
      project_enable_proxy: true,
      challenge: "basic",
      granting_groups: [],
      time: "2026-01-01T00:00:00.000Z",
      valid_until: null,
      groups_asked: true,
    });
    expect(told.summary).toBe(
      "401: 5 groups looked at; `office` matched by 203.0.113.0/24 but does not grant terminal 3: " +
        "terminal: [1,2]; `customers` found no JWT in header authorization or cookie session; " +
        "`ada` found no user name and password in header authorization; " +
        "`robot` found no token in header x-key; 1 more",
    );
  });

  test("with the status and the challenge that the gate would send", async () => {
    const told = await explain({ program: "terminal", ip: "192.0.2.1" });
    expect(told).toMatchObject({ allow: false, status: 401, challenge: "basic" });
    expect(told).toMatchObject({ reason: "unauthenticated" });
  });

  test("with a missing rule named", async () => {
    const { groups, status } = await explain({ program: "display", ip: "203.0.113.7" });
    expect(status).toBe(403);
    expect(groups[0]).toMatchObject({
      matched: true,
      grants: false,
      rule_program: null,
      rule_text: "does not name display",
    });
  });
});

describe("a request that is let through is told", () => {
  test("with the group, its rule, and the credential that is taken away", async () => {
    const told = await explain({
      program: "files",
      ip: "192.0.2.1",
      headers: [{ name: "X-KEY", value: secrets.token }],
    });
    expect(told).toMatchObject({
      allow: false,
      reason: "no_upstream",
      status: 503,
      judged_as: { program: "files", port: null },
    });
    const id = (await container("files", { programs: { files: { port: 9000 } } })).id;
    await put(`/containers/${id}`, document, 0);
    const here = await explain(
      { program: "files", headers: [{ name: "X-KEY", value: secrets.token }] },
      id,
    );
    expect(here).toMatchObject({
      allow: true,
      status: null,
      reason: "granted",
      granting_groups: ["robot"],
      removed_credentials: ["header:x-key"],
      judged_as: { program: "files", instance: 1, port: 9000, alias: null },
    });
    expect(here.summary).toContain("let through: `robot` matched by the token in header x-key");
  });

  test("with the moment from which a token is over", async () => {
    const jwt = await token({ aud: "app", exp: nowS + 60 });
    const told = await explain({ program: "terminal", ...authorization(`Bearer ${jwt}`) });
    expect(told).toMatchObject({
      allow: true,
      granting_groups: ["customers"],
      removed_credentials: [],
      valid_until: "2026-01-01T00:01:30.000Z",
    });
    const later = { time: "2026-01-01T00:01:30Z", program: "terminal" };
    const over = await explain({ ...later, ...authorization(`Bearer ${jwt}`) });
    expect(over.groups[1]).toMatchObject({
      why: "jwt_expired",
      why_text: "found a JWT in header authorization that expired at 2026-01-01T00:01:00.000Z",
    });
  });

  test("as what it is judged as: a port of a program is that program", async () => {
    const told = await explain({ program: "http", instance: 7682, ip: "203.0.113.7" });
    expect(told).toMatchObject({
      allow: true,
      judged_as: {
        program: "terminal",
        instance: 2,
        port: 7682,
        asked_program: "http",
        asked_instance: 7682,
      },
    });
  });
});

describe("why a group does not match:", () => {
  test.each([
    ["an address outside", { ip: "198.51.100.1" }, "office", "address_outside_range"],
    ["an address of the other family", { ip: "2001:db8::1" }, "office", "address_is_ipv6"],
    ["a mapped address", { ip: "::ffff:203.0.113.9" }, "office", "address_in_range"],
    ["no address", {}, "office", "no_address"],
    ["a disabled group", { ip: "203.0.113.7" }, "gone", "disabled"],
    ["no credential", {}, "customers", "no_credential"],
    ["a bare token", authorization("eyJ"), "customers", "not_bearer"],
    ["no token", authorization("Bearer nonsense"), "customers", "malformed_jwt"],
    ["another scheme", authorization("Bearer x"), "ada", "not_basic"],
    ["a broken Basic", authorization("Basic ***"), "ada", "malformed_basic"],
    ["another user", authorization(basic("bob:x")), "ada", "user_name_differs"],
    ["a wrong password", authorization(basic("ada:x")), "ada", "wrong_password"],
    [
      "a right password",
      authorization(basic(`ada:${secrets.password}`)),
      "ada",
      "password_matches",
    ],
    ["another token", { headers: [{ name: "x-key", value: "no" }] }, "robot", "token_differs"],
    [
      "a credential that is there twice",
      {
        headers: [
          { name: "X-Key", value: secrets.token },
          { name: "x-key", value: secrets.token },
        ],
      },
      "robot",
      "ambiguous_credential",
    ],
    ["an empty one", { headers: [{ name: "X-Key", value: "" }] }, "robot", "ambiguous_credential"],
    [
      "a cookie that is there twice",
      { headers: [{ name: "Cookie", value: "session=a; session=b" }] },
      "customers",
      "ambiguous_credential",
    ],
  ])("%s", async (_, request, group, why) => {
    expect((await whys(request))[group]).toBe(why);
  });

  test.each([
    ["another audience", { aud: "other" }, secrets.jwt, "claim_differs"],
    ["no audience", {}, secrets.jwt, "claim_differs"],
    ["another key", { aud: "app" }, "another secret of thirty-two bytes", "bad_signature"],
    ["a time that has passed", { aud: "app", exp: nowS - 31 }, secrets.jwt, "jwt_expired"],
    ["a time to come", { aud: "app", nbf: nowS + 31 }, secrets.jwt, "jwt_not_yet_valid"],
    ["an absurd time", { aud: "app", exp: -1e300 }, secrets.jwt, "jwt_expired"],
    ["nothing wrong", { aud: ["x", "app"] }, secrets.jwt, "jwt_verified"],
  ])("a JWT with %s", async (_, claims, secret, why) => {
    const jwt = await token(claims, secret);
    expect((await whys(authorization(`Bearer ${jwt}`))).customers).toBe(why);
    const cookie = { headers: [{ name: "Cookie", value: `a=b; session=${jwt}` }] };
    expect((await whys(cookie)).customers).toBe(why);
  });

  test("of two places the token that got further tells", async () => {
    const expired = await token({ aud: "app", exp: nowS - 60 });
    const forged = await token({ aud: "app" }, "another secret of thirty-two bytes");
    const headers = [
      { name: "Authorization", value: `Bearer ${expired}` },
      { name: "Cookie", value: `session=${forged}` },
    ];
    const { groups } = await explain({ program: "terminal", headers });
    expect(groups[1].why_text).toBe(
      "found a JWT in cookie session whose signature does not verify",
    );
  });
});

test("neither what is configured nor what is presented is repeated", async () => {
  const jwt = await token({ aud: "app", sub: "somebody-in-particular" });
  const wrong = await token({ aud: "a-presented-audience" });
  const presented = [
    [{ name: "X-Key", value: secrets.token }],
    [{ name: "X-Key", value: "a-presented-token" }],
    [{ name: "Authorization", value: `Bearer ${jwt}` }],
    [{ name: "Authorization", value: `Bearer ${wrong}` }],
    [{ name: "Authorization", value: basic(`ada:${secrets.password}`) }],
    [{ name: "Authorization", value: basic("a-presented-user:a-presented-password") }],
  ];
  const stored = await plane.call(owner, {
    method: "GET",
    path: `/containers/${containerId}/proxy/permissions`,
    realm: null,
  });
  const { groups } = JSON.parse(stored.text).data;
  const hidden = [
    ...Object.values(secrets),
    groups.ada.password,
    jwt,
    wrong,
    "presented",
    "somebody",
  ];
  for (const headers of presented) {
    const path_and_query = "/a-presented-path?key=a-presented-value";
    const { status, text } = await ask({ program: "terminal", headers, path_and_query });
    expect(status).toBe(200);
    expect(hidden.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).not.toContain(String(headers[0]?.value));
  }
  const matrix = await plane.call(owner, {
    method: "GET",
    path: `/containers/${containerId}/proxy/access`,
    realm: null,
  });
  expect(hidden.filter((secret) => matrix.text.includes(secret))).toEqual([]);
});

describe("a question that is none is refused:", () => {
  const line = { name: "X", value: "y" };
  test.each([
    ["nowhere to go", {}, ""],
    ["two ways to go", { program: "terminal", alias: "x" }, ""],
    ["an instance without a program", { alias: "x", instance: 1 }, "/instance"],
    ["no address", { program: "terminal", ip: "203.0.113.7:80" }, "/ip"],
    ["no day", { program: "terminal", time: "2026-13-40T00:00:00Z" }, "/time"],
    ["no offset", { program: "terminal", time: "2026-01-01T00:00:00" }, "/time"],
    [
      "Host among the headers",
      { program: "terminal", headers: [{ name: "hOST", value: "x" }] },
      "/headers/0/name",
    ],
    [
      "a line break in a header",
      { program: "terminal", headers: [{ name: "a", value: "x\r\nb: c" }] },
      "/headers/0/value",
    ],
    [
      "a header beyond Latin-1",
      { program: "terminal", headers: [{ name: "a", value: "€" }] },
      "/headers/0/value",
    ],
    ["65 headers", { program: "terminal", headers: Array(65).fill(line) }, "/headers"],
    [
      "headers of 33 KiB",
      { program: "terminal", headers: Array(33).fill({ name: "x", value: "y".repeat(1024) }) },
      "/headers",
    ],
    ["a path that is none", { program: "terminal", path_and_query: "a b" }, "/path_and_query"],
    [
      "another container's host",
      { host: `${"0".repeat(24)}-${"1".repeat(24)}-terminal-1.local.containers.localhost` },
      "/host",
    ],
    [
      "another container's host as an alias",
      { alias: `${"0".repeat(24)}-${"1".repeat(24)}-terminal-1` },
      "/alias",
    ],
  ])("%s", async (_, body, at) => {
    const { status, text } = await ask(body);
    expect(status).toBe(422);
    expect(
      JSON.parse(text).data.map(({ instancePath }: { instancePath: string }) => instancePath),
    ).toContain(at);
  });
});

describe("what comes before the groups is told as what it is:", () => {
  test("a host that is malformed, leads elsewhere, or names an alias of nobody or of another", async () => {
    const other = (await container("other")).id;
    await make("/proxy/aliases", { container_id: other, alias: "of-another", program: "terminal" });
    const direct = `${projectId}-${containerId}-terminal-1`;
    const cases: [string, string][] = [
      [`${direct}..local.containers.localhost`, "bad_host"],
      [`${direct}.example.com`, "unknown_host"],
      [`${direct}.elsewhere.containers.localhost`, "no_container"],
      [`${"0".repeat(24)}-${containerId}-terminal-1.local.containers.localhost`, "no_container"],
      ["nobodys.local.containers.localhost", "unknown_host"],
      ["of-another.local.containers.localhost", "unknown_host"],
    ];
    for (const [host, reason] of cases) {
      const told = await explain({ host, ip: "203.0.113.7" });
      expect({ host, reason: told.reason, asked: told.groups_asked }).toEqual({
        host,
        reason,
        asked: false,
      });
    }
  });

  test("an alias: judged as what it leads to, refused off its path, over when it ends", async () => {
    await make("/proxy/aliases", {
      container_id: containerId,
      alias: "shell",
      program: "terminal",
      index: 2,
      target_path: "/tty",
      allow_path_override: false,
      expires_at: "2026-01-02T00:00:00Z",
    });
    const asked = { alias: "shell", ip: "203.0.113.7" };
    const told = await explain(asked);
    expect(told).toMatchObject({
      allow: true,
      valid_until: "2026-01-02T00:00:00.000Z",
      judged_as: { program: "terminal", instance: 2, alias: "shell" },
    });
    expect(await explain({ ...asked, path_and_query: "/other" })).toMatchObject({
      allow: false,
      status: 404,
      summary: "404: the alias leads to its own path only",
    });
    const over = await explain({ ...asked, time: "2026-01-02T00:00:00Z" });
    expect(over).toMatchObject({ reason: "unknown_host", judged_as: null });
  });

  test("the kill switches, a container that is off, one without an address", async () => {
    const id = (await container("switched")).id;
    const settings = { method: "PUT", path: `/containers/${id}/proxy/settings`, realm: null };
    await plane.data(owner, { ...settings, body: { enable_proxy: false }, ifMatch: "file:v0" });
    const told = await explain({ program: "terminal" }, id);
    expect(told).toMatchObject({ reason: "disabled", status: 503, enable_proxy: false });
    expect(told.summary).toBe("503: the container's kill switch is thrown (enable_proxy is false)");
    await make(`/containers/${id}/stop`, {});
    const stopped = await explain({ program: "terminal" }, id);
    expect(stopped).toMatchObject({
      reason: "no_container",
      summary: "503: the container is not running",
    });
    const bare = await make(`/projects/${projectId}/containers`, { name: "bare" });
    const nowhere = await explain({ program: "terminal" }, bare.id);
    expect(nowhere).toMatchObject({
      reason: "no_container",
      summary: "503: the container has no address: an operator says where the gate dials",
    });
  });

  test("a host of another server and one of another project are told apart", async () => {
    for (const [host, told] of [
      [`${projectId}-${containerId}-terminal-1.elsewhere.containers.localhost`, "another server"],
      [`${"0".repeat(24)}-${containerId}-terminal-1.local.containers.localhost`, "another project"],
    ]) {
      expect((await explain({ host })).summary).toContain(`the host names ${told}`);
    }
  });

  test("no document: open; then the project's, as soon as it is written", async () => {
    const project = (await make("/projects", { alias: "fresh" })).id;
    const { id } = await make(`/projects/${project}/containers`, {
      name: "fresh",
      address: "10.0.0.8",
    });
    expect(await explain({ program: "terminal" }, id)).toMatchObject({
      allow: true,
      reason: "open",
      document_origin: "none",
      document_version: null,
    });
    await put(`/projects/${project}`, document, 0);
    expect(await explain({ program: "terminal" }, id)).toMatchObject({
      allow: false,
      document_origin: "project",
      document_version: 1,
    });
  });
});

describe("who may ask:", () => {
  const confined = async (leaves: object, realm_ids: string[] = []) => {
    const alias = `caller ${crypto.randomUUID()}`;
    const body = { alias, permissions: leaves, realm_ids };
    return `Bearer ${(await make("/auth/tokens", body)).token}`;
  };

  test("of the project's document nobody is told who may not read it", async () => {
    const project = (await make("/projects", { alias: "guarded" })).id;
    const { id } = await make(`/projects/${project}/containers`, { name: "guarded" });
    const updates = await confined({ containers: { update: true } });
    const aliases = await confined({ resources: { proxy_aliases: true } });
    const tries = async (as: string) => [
      (await ask({ program: "terminal" }, { id, as })).status,
      (await plane.call(as, { method: "GET", path: `/containers/${id}/proxy/access`, realm: null }))
        .status,
      (
        await plane.call(as, {
          method: "PUT",
          path: `/containers/${id}/proxy/permissions?validate_only=true`,
          realm: null,
          body: document,
          ifMatch: "file:v0",
        })
      ).status,
    ];
    expect(await tries(updates)).toEqual([200, 200, 200]);
    await put(`/projects/${project}`, document, 0);
    expect(await tries(updates)).toEqual([403, 403, 403]);
    expect(await tries(aliases)).toEqual([200, 200, 200]);
    await put(`/containers/${id}`, { default: "allow" }, 0);
    expect((await tries(updates)).slice(0, 2)).toEqual([200, 200]);
  });

  test("where the project lies beyond the realm the answer is the same whatever its document says", async () => {
    const project = (await make("/projects", { alias: "beyond", realm_ids: [there] })).id;
    const { id } = await make(`/projects/${project}/containers`, {
      name: "beyond",
      realm_ids: [here],
      address: "10.0.0.9",
    });
    const as = await confined(
      { containers: { update: true, read: true }, projects: { update: true } },
      [here],
    );
    const answers = async () => [
      await ask({ program: "terminal" }, { id, as, realm: here }),
      await plane.call(as, { method: "GET", path: `/containers/${id}/proxy/access`, realm: here }),
      await plane.call(as, {
        method: "PUT",
        path: `/containers/${id}/proxy/permissions?validate_only=true`,
        realm: here,
        body: document,
        ifMatch: "file:v0",
      }),
    ];
    const before = await answers();
    expect(before.map(({ text }) => JSON.parse(text).code)).toEqual(
      Array(3).fill("PROJECT_NOT_FOUND"),
    );
    await put(`/projects/${project}`, document, 0);
    expect(await answers()).toEqual(before);
  });
});

describe("the access matrix", () => {
  const access = (id: string) =>
    plane.data(owner, { method: "GET", path: `/containers/${id}/proxy/access`, realm: null });

  test("has every group, every program, and what holds for everybody else", async () => {
    expect(await access(containerId)).toEqual({
      document_origin: "container",
      document_version: 1,
      default: "deny",
      combine: "any",
      enable_proxy: true,
      project_enable_proxy: true,
      closed_by: null,
      programs: ["files", "http", "https", "logs", "terminal"],
      groups: [
        {
          name: "office",
          type: "ip",
          enabled: true,
          matches_by: "203.0.113.0/24",
          access: { terminal: "1-2", http: "3000-3005", https: "3000-3005" },
        },
        {
          name: "customers",
          type: "jwt",
          enabled: true,
          matches_by: "JWT (HS256) in header authorization or cookie session",
          access: { terminal: "all" },
        },
        {
          name: "ada",
          type: "password",
          enabled: true,
          matches_by: "user name and password",
          access: {},
        },
        {
          name: "robot",
          type: "token",
          enabled: true,
          matches_by: "token in header x-key",
          access: { logs: "all", files: "1" },
        },
        { name: "gone", type: "ip", enabled: false, matches_by: "203.0.113.0/24", access: {} },
      ],
      no_group: "none",
      preflight: "judge",
      every_group: null,
      hooks: 0,
    });
  });

  test("says what closes the container, and what every group together has", async () => {
    const id = (await container("layered")).id;
    const layered = {
      groups: { a: document.groups.office, b: document.groups.robot },
      permissions: { a: { terminal: "1-5", files: true }, b: { terminal: [4, 5, 6] } },
      combine: "all",
      enable_proxy: false,
    };
    await put(`/containers/${id}`, layered, 0);
    expect(await access(id)).toMatchObject({
      closed_by: "disabled",
      enable_proxy: false,
      combine: "all",
      every_group: { enabled: true, access: { terminal: "4-5" } },
    });
    await make(`/containers/${id}/stop`, {});
    expect((await access(id)).closed_by).toBe("no_container");
  });
});

describe("CORS preflights", () => {
  const headers = [
    { name: "Origin", value: "https://app.example.com" },
    { name: "Access-Control-Request-Method", value: "PUT" },
  ];
  const preflight = { program: "terminal", method: "OPTIONS", headers };

  test("are judged like any request unless the document passes them; preview, explain and matrix say which", async () => {
    const { id } = await container("cors");
    await put(`/containers/${id}`, document, 0);
    expect(await explain(preflight, id)).toMatchObject({
      allow: false,
      reason: "unauthenticated",
      preflight: "judge",
    });
    const tried = await plane.data(owner, {
      method: "PUT",
      path: `/containers/${id}/proxy/permissions?validate_only=true`,
      realm: null,
      body: { ...document, preflight: "pass" },
      ifMatch: "file:v1",
    });
    expect(tried.preview).toMatchObject({
      preflight_before: "judge",
      preflight_after: "pass",
      containers_affected: 1,
    });
    const stored = await put(`/containers/${id}`, { ...document, preflight: "pass" }, 1);
    expect(stored.preflight).toBe("pass");
    const passed = await explain(preflight, id);
    expect(passed).toMatchObject({
      allow: true,
      status: null,
      reason: "preflight",
      preflight: "pass",
      granting_groups: [],
      groups_asked: true,
    });
    expect(passed.summary).toContain("CORS preflight");
    expect(await explain({ ...preflight, method: "GET" }, id)).toMatchObject({ allow: false });
    expect(await explain({ ...preflight, headers: headers.slice(1) }, id)).toMatchObject({
      allow: false,
    });
    expect(await explain({ ...preflight, program: "tunnel" }, id)).toMatchObject({
      allow: false,
      reason: "unauthenticated",
    });
    expect(
      await plane.data(owner, {
        method: "GET",
        path: `/containers/${id}/proxy/access`,
        realm: null,
      }),
    ).toMatchObject({ preflight: "pass" });
  });

  test("that could be granted and have no port are no_upstream", async () => {
    const { id } = await container("portless");
    await put(`/containers/${id}`, { ...document, preflight: "pass" }, 0);
    expect(await explain({ ...preflight, program: "logs" }, id)).toMatchObject({
      allow: false,
      reason: "no_upstream",
    });
  });

  test("of another word than judge and pass are refused", async () => {
    const { id } = await container("words");
    const { text } = await plane.call(owner, {
      method: "PUT",
      path: `/containers/${id}/proxy/permissions`,
      realm: null,
      body: { ...document, preflight: "maybe" },
      ifMatch: "file:v0",
    });
    expect(JSON.parse(text).code).toBe("VALIDATION_ERROR");
  });
});

describe("clients over IPv6", () => {
  const ban = { type: "ip", range: "0.0.0.0/0" };

  test("match no IPv4 range: the write, the dry run and explain say so", async () => {
    const { id } = await container("families");
    const body = { groups: { ban }, default: "allow" };
    const warning = expect.stringContaining("clients that come over IPv6 match none");
    const tried = await plane.data(owner, {
      method: "PUT",
      path: `/containers/${id}/proxy/permissions?validate_only=true`,
      realm: null,
      body,
      ifMatch: "file:v0",
    });
    expect(tried.warnings).toEqual([warning]);
    expect((await put(`/containers/${id}`, body, 0)).warnings).toEqual([warning]);
    const explained = await explain({ program: "terminal", ip: "::1" }, id);
    expect(explained).toMatchObject({ allow: true, warnings: [warning] });
    expect(explained.groups[0].why).toBe("address_is_ipv6");
    const both = { groups: { ban, ban6: { type: "ip", range: "0:0::/0" } }, default: "allow" };
    const stored = await put(`/containers/${id}`, both, 1);
    expect([stored.warnings, stored.groups.ban6.range]).toEqual([undefined, "::/0"]);
    const kept = await explain({ program: "terminal", ip: "::1" }, id);
    expect(kept).toMatchObject({ allow: false, reason: "not_granted", warnings: [] });
    expect(kept.groups[1].why_text).toBe("matched by ::/0");
    const ipv4 = await explain({ program: "terminal", ip: "::ffff:10.0.0.1" }, id);
    expect(ipv4.groups.map(({ why }: { why: string }) => why)).toEqual([
      "address_in_range",
      "address_is_ipv4",
    ]);
  });
});

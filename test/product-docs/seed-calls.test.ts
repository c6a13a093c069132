// The calls, scenarios and answers of the product's description in its own order.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { exportSPKI, generateKeyPair, SignJWT } from "jose";
import { enforced, type Level } from "../harness/client.ts";
import { saltedDigest } from "../harness/credentials.ts";
import { basic, bearer, carrying, jwt, office, stranger, vpn } from "./seed-002/clients.ts";
import { staging } from "./seed-002/examples.ts";
import { documentAt, OWN_HTTP, type Site, Stage } from "./seed-002/stage.ts";

const startMs = 30_000;
const levels: readonly Level[] = ["projects", "containers"];

const fromOffice = { type: "ip", range: "203.0.113.0/24" };
const closed = { default: "deny" };
/** A document that lets the office into its terminals and nobody into anything else. */
const officeTerminals = {
  groups: { office: fromOffice },
  permissions: { office: { terminal: true } },
  default: "deny",
};

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, startMs);
afterAll(() => stage[Symbol.asyncDispose]());

describe("open by cryptographic URL", () => {
  test("without any permissions anybody reaches every service", async () => {
    const { box } = await stage.site();
    for (const program of ["terminal-1", "display-2", "files-1", "exec-1", OWN_HTTP]) {
      expect(await stage.knock(box, program, stranger)).toBe("reached");
    }
    expect(await stage.knock(box, "ssh", stranger)).toBe("passed");
  });

  test.each(levels)(
    "the document of %s that has none is empty, open and of version 0",
    async (level) => {
      const document = documentAt(await stage.site(), level);
      expect(await document.get()).toMatchObject({
        groups: {},
        permissions: {},
        default: "allow",
        enable_proxy: true,
        file_version: 0,
        etag: "file:v0",
      });
    },
  );
});

describe("what the upstream sees", () => {
  test("a call with a JWT arrives whole", async () => {
    const { box } = await stage.site();
    await box.document.replace({
      groups: { callers: { type: "jwt", secret: "jwt", sources: ["header:Authorization"] } },
      permissions: { callers: { terminal: true } },
      default: "deny",
    });
    const body = '{"command": "ls -la"}';
    const call = { method: "POST", path: "/execute", body };
    const headers = { ...bearer(jwt("jwt")), "content-type": "application/json" };
    const seen = await stage.echo(box, "terminal-1", { ...stranger, ...call, headers });
    expect(seen).toMatchObject({ method: "POST", url: "/execute", body });
    expect(seen.headers).toMatchObject({ ...headers, "x-realmgate-groups": "callers" });
    expect(await stage.knock(box, "terminal-1", stranger)).toBe(401);
  });

  test("a password and a token stay at the gate", async () => {
    const { box } = await stage.site();
    await box.document.replace({
      groups: {
        admin: { type: "password", username: "admin", password: "plain", salt: "salt" },
        partners: { type: "token", value: "token-abc-123", header: "X-Api-Token" },
      },
      permissions: { admin: { http: true }, partners: { http: true } },
      default: "deny",
    });
    const both = { ...basic("admin", "plain"), "X-Api-Token": "token-abc-123", "x-kept": "yes" };
    const { headers } = await stage.echo(box, OWN_HTTP, carrying("both", both));
    expect(headers["x-kept"]).toBe("yes");
    expect(headers["x-realmgate-groups"]).toBe("admin,partners");
    expect(Object.keys(headers)).not.toContain("authorization");
    expect(Object.keys(headers)).not.toContain("x-api-token");
  });

  test("the prompt of a browser is for a password, that of a JWT is not", async () => {
    const { box } = await stage.site();
    await box.document.replace({
      groups: { a: { type: "password", username: "a", password: "b", salt: "c" } },
      default: "deny",
    });
    expect(await challengeOf(box.host("terminal-1"))).toStartWith("Basic realm=");
    await box.document.replace({
      groups: { a: { type: "jwt", secret: "jwt", sources: ["header:Authorization"] } },
      default: "deny",
    });
    expect(await challengeOf(box.host("terminal-1"))).toStartWith("Bearer");
  });
});

async function challengeOf(host: string): Promise<string | null> {
  const response = await fetch(stage.program.urls.proxy, { headers: { host } });
  expect(response.status).toBe(401);
  return response.headers.get("www-authenticate");
}

describe.each(levels)("operations on the document of %s", (level) => {
  test("GET, PATCH and GET again round-trip, digests of passwords included", async () => {
    const document = documentAt(await stage.site(), level);
    await document.replace({
      ...officeTerminals,
      groups: {
        office: fromOffice,
        admin: { type: "password", username: "admin", password: "plain", salt: "salt" },
        users: { type: "jwt", secret: "s3cret", sources: ["header:Authorization"] },
      },
    });
    const first = await document.get();
    expect(first.groups.admin.password).toBe(saltedDigest("salt", "plain"));
    expect(first.groups.users.secret).toBe("s3cret");
    const { file_version, etag: _etag, schema_version: _layout, warnings: _, ...config } = first;
    await document.replace(config);
    expect(await document.get()).toMatchObject({ ...config, file_version: file_version + 1 });
  });

  test("DELETE reverts: a project to open, a container to its project", async () => {
    const site = await stage.site();
    if (level === "containers") await site.project.replace(officeTerminals);
    const document = documentAt(site, level);
    await document.replace(closed);
    expect(await stage.knock(site.box, "terminal-1", office)).toBe(403);
    await document.write("DELETE", "");
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
    expect(await stage.knock(site.box, "terminal-1", stranger)).toBe(
      level === "projects" ? "reached" : 403,
    );
    expect(await document.get()).toMatchObject({ groups: {}, permissions: {}, default: "allow" });
  });

  test("PATCH default changes the default only", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(officeTerminals);
    await document.write("PATCH", "/default", { default: "allow" });
    expect(await stage.knock(site.box, "terminal-1", stranger)).toBe("reached");
    expect(await stage.knock(site.box, "files-1", office)).toBe(403);
    await document.write("PATCH", "/default", { default: "deny" });
    expect(await stage.knock(site.box, "terminal-1", stranger)).toBe(403);
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
    expect(await document.get()).toMatchObject(officeTerminals);
  });

  test("PATCH state closes everything and opens it again", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(officeTerminals);
    await document.write("PATCH", "/state", { enable_proxy: false });
    for (const program of ["terminal-1", "files-1", OWN_HTTP, "ssh"]) {
      expect(await stage.knock(site.box, program, office)).toBe("disabled");
      expect(await stage.knock(site.box, program, stranger)).toBe("disabled");
    }
    const { status } = await stage.api.data("GET", `/containers/${site.box.id}`);
    expect(status).toBe("running");
    expect(await document.get()).toMatchObject({ ...officeTerminals, enable_proxy: false });
    await document.write("PATCH", "/state", { enable_proxy: true });
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
    expect(await stage.knock(site.box, "terminal-1", stranger)).toBe(403);
  });

  test("state closes what has no permissions, too, and leaves it open afterwards", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.write("PATCH", "/state", { enable_proxy: false });
    expect(await stage.knock(site.box, "terminal-1", stranger)).toBe("disabled");
    expect(await stage.knock(site.sibling, "terminal-1", stranger)).toBe(
      level === "projects" ? "disabled" : "reached",
    );
    await document.write("PATCH", "/state", { enable_proxy: true });
    expect(await stage.knock(site.box, "terminal-1", stranger)).toBe("reached");
  });

  test("enable_proxy in the document persists, and left out it is true", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace({ ...officeTerminals, enable_proxy: false });
    expect(await document.get()).toMatchObject({ ...officeTerminals, enable_proxy: false });
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("disabled");
    await document.replace(officeTerminals);
    expect(await document.get()).toMatchObject({ ...officeTerminals, enable_proxy: true });
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
  });

  test("no call changes anything without If-Match, or with that of an older version", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(officeTerminals);
    await document.write("PATCH", "/groups/developers/ip", { range: "198.51.100.0/24" });
    const before = await document.get();
    for (const [method, path, body] of callsOfTheSeed) {
      const sent = body === undefined ? {} : { body };
      const without = await stage.api.call(method, document.path + path, sent);
      expect([method, path, without.status]).toEqual([method, path, 428]);
      const headers = { "if-match": `file:v${before.file_version - 1}` };
      const stale = await stage.api.call(method, document.path + path, { ...sent, headers });
      expect([method, path, stale.status]).toEqual([method, path, 412]);
    }
    expect(await document.get()).toEqual(before);
  });

  test("every call of the description succeeds in turn, and makes one version", async () => {
    const document = documentAt(await stage.site(), level);
    for (const [method, path, body] of callsOfTheSeed) {
      const { file_version } = await document.get();
      const { body: answer } = await document.write(method, path, body);
      expect([path, answer.data.file_version]).toEqual([path, file_version + 1]);
    }
    expect(await document.get()).toMatchObject({ groups: {}, permissions: {}, default: "allow" });
  });
});

/** Every curl line that writes, in an order in which each finds what it needs. */
const callsOfTheSeed: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ["PATCH", "", officeTerminals],
  ["PATCH", "/default", { default: "allow" }],
  ["PATCH", "/default", { default: "deny" }],
  ["PATCH", "/state", { enable_proxy: false }],
  ["PATCH", "/state", { enable_proxy: true }],
  [
    "PATCH",
    "/groups/api-users/jwt",
    { secret: "jwt-secret", algorithm: "HS256", sources: ["header:Authorization"] },
  ],
  ["PATCH", "/groups/office/ip", { range: "198.51.100.0/24" }],
  [
    "PATCH",
    "/groups/support/password",
    { username: "support", password: "temporary-password-hash", salt: "salt" },
  ],
  // The description gives the route of a token group and its fields, but no call.
  ["PATCH", "/groups/api_partners/token", { value: "token-abc-123", header: "X-Api-Token" }],
  ["PATCH", "/groups/developers/ip", { range: "203.0.113.0/24" }],
  ["PATCH", "/permissions/developers", { program: "terminal", access: true }],
  ["PATCH", "/permissions/developers", { program: "display", access: 1 }],
  ["PATCH", "/permissions/developers", { program: "terminal", access: [1, 2, 3] }],
  ["DELETE", "/permissions/developers/terminal"],
  ["DELETE", "/permissions/developers"],
  ["DELETE", "/groups/office"],
  ["DELETE", ""],
];

describe.each(levels)("group management in the document of %s", (level) => {
  test("a JWT group is added, and the rest of the document stays", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(officeTerminals);
    const customer = carrying("a customer", bearer(jwt("jwt-secret")));
    expect(await stage.knock(site.box, OWN_HTTP, customer)).toBe(403);
    await document.write("PATCH", "/groups/api-users/jwt", {
      secret: "jwt-secret",
      algorithm: "HS256",
      sources: ["header:Authorization"],
    });
    expect(await stage.knock(site.box, OWN_HTTP, customer)).toBe(403);
    await document.write("PATCH", "/permissions/api-users", { program: "http", access: true });
    expect(await stage.knock(site.box, OWN_HTTP, customer)).toBe("reached");
    expect(await stage.knock(site.box, "terminal-1", customer)).toBe(403);
    expect(await stage.knock(site.box, OWN_HTTP, stranger)).toBe(401);
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
  });

  test("an IP group is updated in place, then removed", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(officeTerminals);
    await document.write("PATCH", "/groups/office/ip", { range: "198.51.100.0/24" });
    expect(await stage.knock(site.box, "terminal-1", office)).toBe(403);
    expect(await stage.knock(site.box, "terminal-1", vpn)).toBe("reached");
    await document.write("DELETE", "/groups/office");
    expect(await stage.knock(site.box, "terminal-1", vpn)).toBe(403);
    expect(await document.get()).toMatchObject({ groups: {}, permissions: {}, default: "deny" });
  });

  test("a token group is added with a value and exactly one of header, cookie, param", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(closed);
    const partner = carrying("a partner", { "X-Api-Token": "token-abc-123" });
    const group = { value: "token-abc-123", header: "X-Api-Token" };
    await document.write("PATCH", "/groups/api_partners/token", group);
    await document.write("PATCH", "/permissions/api_partners", { program: "files", access: true });
    expect(await stage.knock(site.box, "files-1", partner)).toBe("reached");
    expect(await stage.knock(site.box, "files-1", stranger)).toBe(401);
  });

  test("a group gets another type by the route of that type", async () => {
    const document = documentAt(await stage.site(), level);
    await document.replace(officeTerminals);
    const token = { value: "token-abc-123", header: "X-Api-Token" };
    await document.write("PATCH", "/groups/office/token", token);
    expect((await document.get()).groups).toEqual({ office: { type: "token", ...token } });
  });
});

describe.each(levels)("permission management in the document of %s", (level) => {
  test("true, then a number, then a list, then nothing", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace({ groups: { developers: fromOffice }, default: "deny" });
    const finds = async () => [
      await stage.knock(site.box, "terminal-1", office),
      await stage.knock(site.box, "terminal-4", office),
      await stage.knock(site.box, "display-1", office),
      await stage.knock(site.box, "display-2", office),
    ];
    expect(await finds()).toEqual([403, 403, 403, 403]);
    const path = "/permissions/developers";
    await document.write("PATCH", path, { program: "terminal", access: true });
    expect(await finds()).toEqual(["reached", "reached", 403, 403]);
    await document.write("PATCH", path, { program: "display", access: 1 });
    expect(await finds()).toEqual(["reached", "reached", "reached", 403]);
    await document.write("PATCH", path, { program: "terminal", access: [1, 2, 3] });
    expect(await finds()).toEqual(["reached", 403, "reached", 403]);
    await document.write("DELETE", `${path}/terminal`);
    expect(await finds()).toEqual([403, 403, "reached", 403]);
    await document.write("DELETE", path);
    expect(await finds()).toEqual([403, 403, 403, 403]);
    expect((await document.get()).groups).toEqual({ developers: fromOffice });
  });
});

describe("scenario 1: open development, locked production", () => {
  test("development in a project of its own stays open", async () => {
    const [development, other] = [await stage.site(), await stage.site()];
    await other.project.replace(staging);
    expect(await stage.knock(development.box, "terminal-1", stranger)).toBe("reached");
  });

  test("development in the staging project is the office's, though the description says open: a project's document applies to all its containers", async () => {
    const { project, sibling } = await stage.site();
    await project.replace(staging);
    expect(await stage.knock(sibling, "terminal-1", stranger)).toBe(403);
    expect(await stage.knock(sibling, "terminal-1", office)).toBe("reached");
  });
});

describe("scenario 2: customer support access", () => {
  const support = carrying("support", basic("support", "temporary-password-hash"));

  async function supported(site: Site, hashed = false): Promise<void> {
    const { document } = site.box;
    // The scenario adds to a container that the team has a document on; without one the default would be open.
    await document.replace(staging);
    const password = hashed
      ? saltedDigest("salt", "temporary-password-hash")
      : "temporary-password-hash";
    await document.write("PATCH", "/groups/support/password", {
      username: "support",
      password,
      salt: "salt",
    });
    for (const permission of [
      { program: "terminal", access: 1 },
      { program: "display", access: 1 },
      { program: "files", access: true },
    ]) {
      await document.write("PATCH", "/permissions/support", permission);
    }
  }

  test.each([
    ["plain", false],
    ["hashed", true],
  ] as const)(
    "support with a %s password has terminal 1, display 1 and all files",
    async (_, hashed) => {
      const site = await stage.site();
      await supported(site, hashed);
      const { box } = site;
      for (const program of ["terminal-1", "display-1", "files-1", "files-4"]) {
        expect(await stage.knock(box, program, support)).toBe("reached");
      }
      for (const program of ["terminal-2", "display-2", OWN_HTTP]) {
        expect(await stage.knock(box, program, support)).toBe(403);
      }
      expect(await stage.knock(box, "terminal-2", office)).toBe("reached");
      expect(await stage.knock(box, "terminal-1", stranger)).toBe(401);
      expect(await stage.knock(site.sibling, "terminal-1", support)).toBe("reached");
    },
  );

  test("the group deleted, support is a stranger again", async () => {
    const site = await stage.site();
    await supported(site);
    await site.box.document.write("DELETE", "/groups/support");
    expect(await stage.knock(site.box, "terminal-1", support)).toBe(403);
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
    const { permissions } = await site.box.document.get();
    expect(permissions).toEqual(staging.permissions);
  });

  test("the group disabled, support is a stranger until it is enabled", async () => {
    const site = await stage.site();
    await supported(site);
    const group = { username: "support", password: "temporary-password-hash", salt: "salt" };
    const path = "/groups/support/password";
    await site.box.document.write("PATCH", path, { ...group, enabled: false });
    expect(await stage.knock(site.box, "terminal-1", support)).toBe(401);
    expect(await stage.knock(site.box, "terminal-1", office)).toBe("reached");
    await site.box.document.write("PATCH", path, { ...group, enabled: true });
    expect(await stage.knock(site.box, "terminal-1", support)).toBe("reached");
  });

  test("on a container without a document, the group takes the project's default along and leaves its groups behind", async () => {
    const { project, box } = await stage.site();
    await project.replace(staging);
    const group = { username: "support", password: "temporary-password-hash", salt: "salt" };
    await box.document.write("PATCH", "/groups/support/password", group);
    await box.document.write("PATCH", "/permissions/support", { program: "terminal", access: 1 });
    expect(await stage.knock(box, "terminal-1", support)).toBe("reached");
    expect(await stage.knock(box, "terminal-2", stranger)).toBe(401);
    expect(await stage.knock(box, "terminal-1", office)).toBe(401);
  });
});

describe("permission testing and auditing", () => {
  test("without a credential it is 401, from a denied address 403", async () => {
    const { box } = await stage.site();
    await box.document.replace(officeTerminals);
    expect(await stage.knock(box, "terminal-1", stranger)).toBe(403);
    const group = { username: "username", password: "password", salt: "salt" };
    await box.document.write("PATCH", "/groups/people/password", group);
    await box.document.write("PATCH", "/permissions/people", { program: "terminal", access: true });
    expect(await stage.knock(box, "terminal-1", stranger)).toBe(401);
    const person = carrying("a person", basic("username", "password"));
    expect(await stage.knock(box, "terminal-1", person)).toBe("reached");
  });

  test("the permissions of every project are listed, broad ranges and all", async () => {
    const site = await stage.site();
    const wide = { groups: { public: { type: "ip", range: "0.0.0.0/0" } }, default: "deny" };
    await site.project.replace(wide);
    const { projects } = await stage.api.data("GET", "/projects?limit=100");
    expect(projects.map(({ id }: { id: string }) => id)).toContain(site.projectId);
    expect(await site.project.get()).toMatchObject(wide);
  });
});

describe("disabling the proxy", () => {
  test("for a project, every container is unreachable, whatever its own document says", async () => {
    const { project, box, sibling } = await stage.site();
    await box.document.replace({ ...officeTerminals, enable_proxy: true });
    await project.write("PATCH", "/state", { enable_proxy: false });
    expect(await stage.knock(box, "terminal-1", office)).toBe("disabled");
    expect(await stage.knock(sibling, "terminal-1", office)).toBe("disabled");
    await project.write("PATCH", "/state", { enable_proxy: true });
    expect(await stage.knock(box, "terminal-1", office)).toBe("reached");
  });

  test("for a container, this one is unreachable and stays under its project's document", async () => {
    const { project, box, sibling } = await stage.site();
    await project.replace(officeTerminals);
    await box.document.write("PATCH", "/state", { enable_proxy: false });
    expect(await stage.knock(box, "terminal-1", office)).toBe("disabled");
    expect(await stage.knock(sibling, "terminal-1", office)).toBe("reached");
    await box.document.write("PATCH", "/state", { enable_proxy: true });
    expect(await stage.knock(box, "terminal-1", office)).toBe("reached");
    expect(await stage.knock(box, "terminal-1", stranger)).toBe(403);
  });

  test("the settings of a container switch it off and on again", async () => {
    const { box } = await stage.site();
    const path = `/containers/${box.id}/proxy/settings`;
    for (const [enable_proxy, outcome] of [
      [false, "disabled"],
      [true, "reached"],
    ] as const) {
      const { etag } = await stage.api.data("GET", path);
      const headers = { "if-match": etag };
      const answer = await stage.api.call("PATCH", path, { headers, body: { enable_proxy } });
      expect(answer.status).toBe(200);
      await enforced(stage.program.urls, answer);
      expect(await stage.knock(box, "terminal-1", stranger)).toBe(outcome);
    }
  });
});

describe("the configuration reference", () => {
  const kits = [
    "terminal",
    "display",
    "files",
    "exec",
    "sqlite",
    "browser",
    "agent",
    "code",
    "curl",
    "daemon",
    "notifications",
  ];

  test.each([
    { access: true, first: "reached", second: "reached", third: "reached" },
    { access: false, first: 403, second: 403, third: 403 },
    { access: 2, first: 403, second: "reached", third: 403 },
    { access: [1, 3], first: "reached", second: 403, third: "reached" },
  ] as const)(
    "$access means the same for every program",
    async ({ access, first, second, third }) => {
      const { project, sibling } = await stage.site();
      const everything = Object.fromEntries(kits.map((kit) => [kit, access]));
      const permissions = { developers: { ...everything, http: access, ssh: access } };
      await project.replace({ groups: { developers: fromOffice }, permissions, default: "deny" });
      for (const kit of kits) {
        // `notifications-1` is too long for a DNS label; its short name is `n`.
        const slug = kit === "notifications" ? "n" : kit;
        const found = [];
        for (const instance of [1, 2, 3]) {
          found.push(await stage.knock(sibling, `${slug}-${instance}`, office));
        }
        expect([kit, ...found]).toEqual([kit, first, second, third]);
        expect(await stage.knock(sibling, `${slug}-1`, stranger)).toBe(403);
      }
      expect(await stage.knock(sibling, OWN_HTTP, office)).toBe(access === true ? "reached" : 403);
      expect(await stage.knock(sibling, "ssh", office)).toBe(access === true ? "passed" : 403);
    },
  );

  test("the instance of ssh is 22", async () => {
    const { project, box } = await stage.site();
    const document = { groups: { developers: fromOffice }, default: "deny" };
    await project.replace({ ...document, permissions: { developers: { ssh: 22 } } });
    expect(await stage.knock(box, "ssh", office)).toBe("passed");
    expect(await stage.knock(box, "ssh-22", office)).toBe("passed");
    await project.replace({ ...document, permissions: { developers: { ssh: 1, http: true } } });
    expect(await stage.knock(box, "ssh", office)).toBe(403);
  });
});

describe("the fields of each group", () => {
  const password = { type: "password", username: "a", password: "b", salt: "c" };
  const users = { type: "jwt", secret: "s", algorithm: "HS256", sources: ["header:Authorization"] };
  const token = { type: "token", value: "v" };
  const without = (group: object, field: string) =>
    Object.fromEntries(Object.entries(group).filter(([name]) => name !== field));

  test.each([
    ["a JWT group without secret", without(users, "secret")],
    ["a JWT group without sources", without(users, "sources")],
    ["a JWT group with no source in its list", { ...users, sources: [] }],
    ["a JWT in a query parameter", { ...users, sources: ["param:token"] }],
    ["a JWT source without a kind", { ...users, sources: ["Authorization"] }],
    ["a JWT algorithm beside the three", { ...users, algorithm: "HS512" }],
    ["a password group without username", without(password, "username")],
    ["a password group without password", without(password, "password")],
    ["a password group without salt", without(password, "salt")],
    ["a password hashed with bcrypt", { ...password, algorithm: "bcrypt" }],
    ["a password hashed with argon2", { ...password, algorithm: "argon2" }],
    ["an IP group without range", { type: "ip" }],
    ["an IP range without a mask", { type: "ip", range: "203.0.113.50" }],
    ["an IPv6 range with a zone", { type: "ip", range: "fe80::%eth0/64" }],
    ["a host name for a range", { type: "ip", range: "office.example/32" }],
    ["a token group without value", { type: "token", header: "X-Api-Token" }],
    ["a token group without a place", token],
    ["a token group with two places", { ...token, header: "X-Api-Token", cookie: "token" }],
    ["a token group with all places", { ...token, header: "X", cookie: "y", param: "z" }],
    ["a group without type", { range: "203.0.113.0/24" }],
    ["a group of two types", { ...fromOffice, ...without(token, "type"), header: "X-Api-Token" }],
    ["a group of an unknown type", { type: "oauth", value: "v" }],
  ])("%s is refused, and nothing changes", async (_, group) => {
    const document = documentAt(await stage.site(), "projects");
    const body = { groups: { people: group }, default: "deny" };
    const headers = { "if-match": "file:v0" };
    const { status } = await stage.api.call("PATCH", document.path, { body, headers });
    expect([400, 422]).toContain(status);
    expect(await document.get()).toMatchObject({ groups: {}, file_version: 0 });
  });

  test("algorithm is HS256 where it is left out: the description requires it, and its examples leave it out", async () => {
    const { project, box } = await stage.site();
    await project.replace({
      groups: { people: without(users, "algorithm") },
      permissions: { people: { terminal: true } },
      default: "deny",
    });
    expect(await stage.knock(box, "terminal-1", carrying("one", bearer(jwt("s"))))).toBe("reached");
  });

  test.each(["RS256", "ES256"])("%s is verified with a public key", async (algorithm) => {
    const { project, box } = await stage.site();
    const [ours, theirs] = await Promise.all([
      generateKeyPair(algorithm),
      generateKeyPair(algorithm),
    ]);
    const secret = await exportSPKI(ours.publicKey);
    await project.replace({
      groups: { people: { ...users, algorithm, secret } },
      permissions: { people: { terminal: true } },
      default: "deny",
    });
    const sign = ({ privateKey }: typeof ours) =>
      new SignJWT({ sub: "one" }).setProtectedHeader({ alg: algorithm }).sign(privateKey);
    const knock = async (token: string) =>
      stage.knock(box, "terminal-1", carrying("one", bearer(token)));
    expect(await knock(await sign(ours))).toBe("reached");
    expect(await knock(await sign(theirs))).toBe(401);
    expect(await knock(jwt(secret))).toBe(401);
  });
});

describe("useful questions", () => {
  test("several groups of different methods are all checked; any suffices", async () => {
    const { box } = await stage.site();
    await box.document.replace({
      groups: {
        network: fromOffice,
        users: { type: "jwt", secret: "s", algorithm: "HS256", sources: ["header:Authorization"] },
        admin: { type: "password", username: "a", password: "b", salt: "c" },
        partners: { type: "token", value: "v", header: "X-Api-Token" },
      },
      permissions: {
        network: { terminal: true },
        users: { files: true },
        admin: { display: true },
        partners: { exec: true },
      },
      default: "deny",
    });
    const programs = ["terminal-1", "files-1", "display-1", "exec-1"];
    const clients = [
      office,
      carrying("a user", bearer(jwt("s"))),
      carrying("the admin", basic("a", "b")),
      carrying("a partner", { "X-Api-Token": "v" }),
    ];
    for (const [index, client] of clients.entries()) {
      for (const [other, program] of programs.entries()) {
        // Who came without a credential may still present one; who presented one has had the chance.
        const refusal = client === office ? 401 : 403;
        expect(await stage.knock(box, program, client)).toBe(other === index ? "reached" : refusal);
      }
    }
    const everything = { ...bearer(jwt("s")), "X-Api-Token": "v" };
    const rich = carrying("somebody with three of them", everything, office.from);
    expect(await stage.knock(box, "terminal-1", rich)).toBe("reached");
    expect(await stage.knock(box, "files-1", rich)).toBe("reached");
    expect(await stage.knock(box, "exec-1", rich)).toBe("reached");
    expect(await stage.knock(box, "display-1", rich)).toBe(403);
  });

  test("a container's document replaces the project's entirely", async () => {
    const { project, box } = await stage.site();
    await project.replace(officeTerminals);
    await box.document.replace({
      groups: { vpn: { type: "ip", range: "198.51.100.0/24" } },
      permissions: { vpn: { files: true } },
      default: "deny",
    });
    expect(await stage.knock(box, "terminal-1", office)).toBe(403);
    expect(await stage.knock(box, "files-1", vpn)).toBe("reached");
    await project.write("PATCH", "/default", { default: "allow" });
    expect(await stage.knock(box, "terminal-1", stranger)).toBe(403);
  });

  test("default allow lets in whom no group knows, no permissions let in everybody", async () => {
    const { project, box } = await stage.site();
    const finds = async () => [
      await stage.knock(box, "terminal-1", office),
      await stage.knock(box, "files-1", office),
      await stage.knock(box, "files-1", stranger),
    ];
    expect(await finds()).toEqual(["reached", "reached", "reached"]);
    await project.replace({ ...officeTerminals, default: "allow" });
    expect(await finds()).toEqual(["reached", 403, "reached"]);
    await project.replace({ ...officeTerminals, default: "deny" });
    expect(await finds()).toEqual(["reached", 403, 403]);
  });

  test("a secret is rotated without a moment in which clients are locked out", async () => {
    const { project, box } = await stage.site();
    const group = { algorithm: "HS256", sources: ["header:Authorization"] };
    await project.replace({
      groups: { old: { type: "jwt", secret: "old-secret", ...group } },
      permissions: { old: { http: true } },
      default: "deny",
    });
    const before = carrying("a client of before", bearer(jwt("old-secret")));
    const after = carrying("a client of after", bearer(jwt("new-secret")));
    const finds = async () => [
      await stage.knock(box, OWN_HTTP, before),
      await stage.knock(box, OWN_HTTP, after),
    ];
    expect(await finds()).toEqual(["reached", 401]);
    await project.write("PATCH", "/groups/new/jwt", { secret: "new-secret", ...group });
    await project.write("PATCH", "/permissions/new", { program: "http", access: true });
    expect(await finds()).toEqual(["reached", "reached"]);
    await project.write("DELETE", "/groups/old");
    expect(await finds()).toEqual([401, "reached"]);
  });
});

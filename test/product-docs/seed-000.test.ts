// The calls and statements of the description of projects and realms in its own order. What a shell line (`hoody …`) or a line of TypeScript sends stands as the request that it becomes: flags and
// objects as the JSON body, the host of `--base-url` as Host. Roots are sent as the clients spell them, with a slash.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Program, startProgram } from "../harness/program.ts";
import { Account, type Caller, type Holder, REALM, STAGING } from "./seed-000/account.ts";
import { type Planted, PRODUCTION, plant, tree } from "./seed-000/tree.ts";

const nothing = "0".repeat(24);
const inRealm = { realm: REALM };
const day = 86_400_000;
/** What the description calls short-lived. */
const inADay = () => new Date(Date.now() + day).toISOString();

let program: Program;

beforeAll(async () => {
  program = await startProgram({ environment: { REALMGATE_SIGNUP: "on" } });
}, 30_000);

afterAll(() => program[Symbol.asyncDispose]());

const newProvider = () => Account.open(program.urls);

describe("projects", () => {
  test.each(["/", ""])("are made, listed and filled, roots ending in %j", async (slash) => {
    const own = await newProvider();
    // hoody projects create --alias "production-api"
    const alias = { alias: "production-api" };
    const made = await own.call("POST", `/projects${slash}`, alias);
    expect([made.status, made.body.data.alias]).toEqual([201, "production-api"]);
    const PROJECT_ID = made.body.data.id;
    // hoody projects list
    const { projects } = await own.data("GET", `/projects${slash}`);
    expect(projects).toContainEqual(made.body.data);
    // hoody containers create --project $PROJECT_ID --server-id $SERVER_ID --name "api-server" --hoody-kit
    const body = { server_id: await own.serverId(), name: "api-server", hoody_kit: true };
    const filled = await own.call("POST", `/projects/${PROJECT_ID}/containers${slash}`, body);
    expect(filled.status).toBe(201);
    expect(filled.body.data).toMatchObject({
      project_id: PROJECT_ID,
      project_alias: "production-api",
      server_id: body.server_id,
      name: "api-server",
      realm_ids: [],
    });
  });

  test("hold each container once, and a list is of one of them when asked", async () => {
    const provider = await newProvider();
    const [frontend, backend] = [
      await provider.project("frontend"),
      await provider.project("backend"),
    ];
    await provider.container(frontend, "web-app");
    await provider.container(backend, "web-app");
    await provider.container(backend, "worker");
    const names = async (path: string) => {
      const { containers } = await provider.data("GET", path);
      return containers.map((each: { name: string }) => each.name).sort();
    };
    expect(await names("/containers/")).toEqual(["web-app", "web-app", "worker"]);
    for (const [id, expected] of [
      [frontend, ["web-app"]],
      [backend, ["web-app", "worker"]],
    ] as const) {
      expect(await names(`/projects/${id}/containers`)).toEqual([...expected]);
      expect(await names(`/containers/?project_id=${id}`)).toEqual([...expected]);
    }
    const body = { server_id: await provider.serverId(), name: "stray" };
    expect(await provider.fate("POST", "/containers/", body)).toBe("405 METHOD_NOT_ALLOWED");
  });

  test("are shared with a teammate at a level: read, edit or delete", async () => {
    const provider = await newProvider();
    const project = await provider.project("shared");
    const may = {
      read: ["200", "403", "403"],
      edit: ["200", "200", "403"],
      delete: ["200", "200", "200"],
    };
    for (const [permission_level, fates] of Object.entries(may)) {
      const id = await provider.container(project, `for-${permission_level}`);
      const teammate = await newProvider();
      expect(await teammate.fate("GET", `/containers/${id}`)).toBe("404 CONTAINER_NOT_FOUND");
      const grant = { user_id: teammate.userId, permission_level };
      expect(await provider.fate("POST", `/projects/${project}/permissions`, grant)).toBe("201");
      expect(await teammate.listed("projects")).toContain("shared");
      const found = [
        await teammate.fate("GET", `/containers/${id}`),
        await teammate.fate("PATCH", `/containers/${id}`, { comment: "seen" }),
        await teammate.fate("DELETE", `/containers/${id}`),
      ];
      expect(found.map((fate) => fate.slice(0, 3))).toEqual(fates);
    }
  });

  test("carry a limit of containers; prespawn is taken and left at that", async () => {
    const provider = await newProvider();
    const limited = { alias: "limited", max_containers: 1 };
    const { id } = await provider.data("POST", "/projects/", limited);
    const body = { server_id: await provider.serverId(), name: "first", prespawn: true };
    const path = `/projects/${id}/containers`;
    expect(await provider.fate("POST", path, body)).toBe("201");
    const second = { ...body, name: "second", bypass_prespawn: true };
    expect(await provider.fate("POST", path, second)).toBe("400 PROJECT_CONTAINER_LIMIT");
  });
});

describe("realm hosts", () => {
  test("read only what carries the realm", async () => {
    const own = await newProvider();
    const [inside, outside] = [await own.project("in", inRealm), await own.project("out")];
    const seen = await own.container(inside, "seen", inRealm);
    const unseen = await own.container(inside, "unseen");
    await own.container(outside, "elsewhere");
    expect(await own.listed("containers")).toEqual(["elsewhere", "seen", "unseen"]);
    // hoody --base-url "https://507f1f77bcf86cd799439011.api.hoody.icu" containers list
    expect(await own.listed("containers", inRealm)).toEqual(["seen"]);
    expect(await own.listed("projects", inRealm)).toEqual(["in"]);
    const asked = await own.data("GET", `/containers/?realm_id=${REALM}`);
    expect(asked.pagination.total).toBe(1);
    for (const [path, fate] of [
      [`/projects/${inside}`, "200"],
      [`/projects/${outside}`, "404 PROJECT_NOT_FOUND"],
      [`/projects/${outside}/proxy/permissions`, "404 PROJECT_NOT_FOUND"],
      [`/containers/${seen}`, "200"],
      [`/containers/${unseen}`, "404 CONTAINER_NOT_FOUND"],
      [`/containers/${unseen}/proxy/permissions`, "404 CONTAINER_NOT_FOUND"],
    ] as const) {
      expect([path, await own.fate("GET", path, undefined, inRealm)]).toEqual([path, fate]);
    }
    const listed = await own.data("GET", `/projects/${inside}/containers`, undefined, inRealm);
    expect(listed.pagination.total).toBe(1);
  });

  test("merge the realm into what is written there", async () => {
    const own = await newProvider();
    // hoody --base-url "https://507f1f77bcf86cd799439011.api.hoody.icu" projects create --alias "prod-services"
    const project = await own.data("POST", "/projects/", { alias: "prod-services" }, inRealm);
    expect(project.realm_ids).toEqual([REALM]);
    const both = { alias: "both", realm_ids: [STAGING] };
    const merged = await own.data("POST", "/projects/", both, inRealm);
    expect(merged.realm_ids).toEqual([REALM, STAGING].sort());
    const body = { server_id: await own.serverId(), name: "box" };
    const path = `/projects/${project.id}/containers`;
    expect((await own.data("POST", path, body, inRealm)).realm_ids).toEqual([REALM]);
    const { made } = await own.token({ alias: "made there" }, inRealm);
    expect(made.realm_ids).toEqual([REALM]);
  });

  test.each([{ realm_ids: [REALM] }, { realm_ids: [REALM], allow_no_realm: false }])(
    "are where a confined token belongs: the unscoped host refuses it: %j",
    async (body) => {
      const own = await newProvider();
      const project = await own.project("p", inRealm);
      const holder = await own.token({ alias: "confined", ...body });
      for (const [method, path, sent] of [
        ["GET", "/projects/"],
        ["GET", "/containers/"],
        ["GET", "/realms/"],
        ["GET", "/users/auth/me"],
        ["GET", `/projects/${project}`],
        ["GET", `/projects/${project}/proxy/permissions`],
        ["POST", "/projects/", { alias: "q" }],
        ["PUT", "/auth/tokens/me/public-profile", { public_key: null }],
      ] as const) {
        const { status, body } = await holder.call(method, path, sent);
        expect([path, status, body.statusCode]).toEqual([path, 403, 403]);
        expect(body.message).toContain("requires a realm-scoped URL");
      }
      expect(await holder.fate("GET", "/projects/", undefined, inRealm)).toBe("200");
      expect(await holder.fate("GET", `/projects/${project}`, undefined, inRealm)).toBe("200");
      const elsewhere = await holder.call("GET", "/projects/", undefined, { realm: STAGING });
      expect(elsewhere.status).toBe(403);
      expect(elsewhere.body.message).toContain("not valid for realm");
    },
  );

  test("are told to a token by what it is restricted to, not to a session", async () => {
    const own = await newProvider();
    const holder = await own.token({ alias: "t", realm_ids: [REALM, STAGING] });
    // hoody auth get-current
    const { restrictions, token } = await holder.data("GET", "/auth/tokens/me");
    expect(restrictions.allowed_realm_ids).toEqual([REALM, STAGING].sort());
    expect(token).toMatchObject({ id: holder.id, alias: "t" });
    const session = await own.call("GET", "/auth/tokens/me");
    expect(session.body).toMatchObject({
      statusCode: 403,
      message: "This endpoint requires auth token authentication",
    });
  });
});

describe("production and staging of one account", () => {
  const staging = { realm: STAGING };
  let provider: Account;
  let paths: Planted;
  let ci: Holder;

  beforeAll(async () => {
    provider = await newProvider();
    paths = await plant(provider);
    // hoody auth create --alias "ci-staging-deploy" --expires-at … --realm-ids "60d5f1f3a3b4f9c3e8a1b2c3" --no-allow-no-realm
    ci = await provider.token({
      alias: "ci-staging-deploy",
      expires_at: inADay(),
      realm_ids: ["60d5f1f3a3b4f9c3e8a1b2c3"],
      allow_no_realm: false,
    });
  }, 30_000);

  test("the same names are in both, and each host shows its own", async () => {
    for (const [realm, projects] of Object.entries(tree)) {
      expect(await provider.listed("projects", { realm })).toEqual(Object.keys(projects).sort());
      const names = Object.values<readonly string[]>(projects).flat();
      expect(await provider.listed("containers", { realm })).toEqual(names.sort());
    }
    expect(await provider.listed("containers")).toHaveLength(9);
  });

  test("a token of staging deploys all day long", async () => {
    const { projects } = await ci.data("GET", "/projects/", undefined, staging);
    const id = projects.find((each: { alias: string }) => each.alias === "frontend").id;
    const box = await deploy(ci, id, "release-2");
    expect(box.realm_ids).toEqual([STAGING]);
    const path = `/containers/${box.id}`;
    for (const operation of ["stop", "start", "restart"]) {
      expect(await ci.fate("POST", `${path}/${operation}`, undefined, staging)).toBe("200");
    }
    const change = { name: "release-3", comment: "live" };
    expect(await ci.fate("PATCH", path, change, staging)).toBe("200");
    expect(await ci.fate("DELETE", path, undefined, staging)).toBe("200");
  });

  test("and cannot see, touch, or even know of production", async () => {
    expect(await ci.listed("containers", staging)).toEqual(["staging-api", "staging-web"]);
    expect(await ci.listed("projects", staging)).toEqual(["api-services", "frontend"]);
    const { realm_ids } = await ci.data("GET", "/realms/", undefined, staging);
    expect(realm_ids).toEqual([STAGING]);
    for (const path of paths[PRODUCTION] ?? []) {
      const absent = path.replace(/[0-9a-f]{24}$/, nothing);
      for (const [method, sub, body] of [
        ["GET", ""],
        ["GET", "/proxy/permissions"],
        ["PATCH", "", { alias: "x" }],
        ["DELETE", ""],
      ] as const) {
        const sent = path.startsWith("/containers") && body ? { name: "xxx" } : body;
        const there = await ci.call(method, `${path}${sub}`, sent, staging);
        const nowhere = await ci.call(method, `${absent}${sub}`, sent, staging);
        expect([path, there.status]).toEqual([path, 404]);
        expect(there.body).toEqual(nowhere.body);
      }
      expect(await ci.fate("GET", path, undefined, { realm: PRODUCTION })).toStartWith("403");
      expect(await ci.fate("GET", path)).toStartWith("403");
    }
    // A name that production has is free.
    const taken = await ci.data("POST", "/projects/", { alias: "infrastructure" }, staging);
    expect(await provider.fate("DELETE", `/projects/${taken.id}`)).toBe("200");
  });

  test("a container made on a realm's host needs a project of that realm: else 403", async () => {
    const production = (paths[PRODUCTION] ?? []).find((path) => path.startsWith("/projects"));
    const plain = `/projects/${await provider.project("unscoped")}`;
    const body = { server_id: await provider.serverId(), name: "stray" };
    for (const caller of [provider, ci]) {
      const answers = [];
      for (const path of [production, plain, `/projects/${nothing}`]) {
        answers.push(await caller.call("POST", `${path}/containers`, body, staging));
      }
      for (const { status, body } of answers) {
        expect([status, body.code]).toEqual([403, "PROJECT_NOT_IN_REALM"]);
        expect(body).toEqual(answers[0]?.body);
      }
    }
    expect(await provider.listed("containers")).not.toContain("stray");
  });
});

async function deploy(caller: Caller, project: string, name: string) {
  const { servers } = await caller.data("GET", "/servers/", undefined, { realm: STAGING });
  const body = { server_id: servers[0].id, name, hoody_kit: true };
  return caller.data("POST", `/projects/${project}/containers`, body, { realm: STAGING });
}

describe("discovery: GET /api/v1/auth/tokens/me on the base host", () => {
  const me = "/auth/tokens/me";
  let provider: Account;

  beforeAll(async () => {
    provider = await newProvider();
  });

  test.each([
    ["confined to one realm", { realm_ids: [REALM], allow_no_realm: false }, true, [REALM]],
    ["confined to two", { realm_ids: [REALM, STAGING] }, true, [STAGING, REALM]],
    ["for any realm", { allow_no_realm: false }, true, []],
    ["that is not restricted", {}, false, []],
    ["without a single permission", { realm_ids: [REALM], permissions: {} }, true, [REALM]],
  ])("any token may ask: one %s", async (alias, body, requires_realm_scope, realms) => {
    const holder = await provider.token({ alias, ...body });
    const allowed_realm_ids = realms.toSorted();
    const { restrictions } = await holder.data("GET", me);
    expect(restrictions).toMatchObject({
      allowed_realm_ids,
      requires_realm_scope,
      active_realm_id: null,
    });
    const there = await holder.data("GET", me, undefined, inRealm);
    expect(there.restrictions).toMatchObject({
      allowed_realm_ids,
      requires_realm_scope,
      active_realm_id: REALM,
    });
  });

  test("a client that knows its token only finds its host", async () => {
    await provider.project("found", inRealm);
    const holder = await provider.token({ alias: "client", realm_ids: [REALM] });
    const { restrictions } = await holder.data("GET", me);
    expect(restrictions.requires_realm_scope).toBeTrue();
    const [realm] = restrictions.allowed_realm_ids;
    expect(await holder.listed("projects", { realm })).toEqual(["found"]);
  });
});

describe("a realm for each environment", () => {
  const DEVELOPMENT = "de".repeat(12);
  const lockedTo = "203.0.113.7";

  test("tokens live for ever, 90 days, 30 days; the first from its address only", async () => {
    const own = await newProvider();
    const expires = (days: number) => new Date(Date.now() + days * day).toISOString();
    const prod = { alias: "prod-deploy", realm_ids: [PRODUCTION], ip_whitelist: [lockedTo] };
    const [prodDeploy, ciStaging, devTeam] = [
      await own.token(prod),
      await own.token({ alias: "ci-staging", realm_ids: [STAGING], expires_at: expires(90) }),
      await own.token({
        alias: "dev-team",
        realm_ids: [DEVELOPMENT],
        expires_at: Date.now() + 30 * day,
      }),
    ];
    expect(prodDeploy.made.expires_at).toBeNull();
    const left = ({ made }: Holder) => Math.round((Date.parse(made.expires_at) - Date.now()) / day);
    expect([left(ciStaging), left(devTeam)]).toEqual([90, 30]);
    const at = { realm: PRODUCTION, from: lockedTo };
    expect(await prodDeploy.fate("GET", "/projects/", undefined, at)).toBe("200");
    expect(
      await prodDeploy.fate("GET", "/projects/", undefined, { ...at, from: "203.0.113.8" }),
    ).toBe("403 IP_NOT_ALLOWED");
  });

  test("production's cannot delete staging's containers, staging's sees none of production", async () => {
    const own = await newProvider();
    const paths = await plant(own);
    const prodDeploy = await own.token({ alias: "prod-deploy", realm_ids: [PRODUCTION] });
    const ciStaging = await own.token({ alias: "ci-staging", realm_ids: [STAGING] });
    const containers = (realm: string) =>
      (paths[realm] ?? []).filter((path) => path.startsWith("/containers"));
    for (const path of containers(STAGING)) {
      expect(await prodDeploy.fate("DELETE", path, undefined, { realm: PRODUCTION })).toBe(
        "404 CONTAINER_NOT_FOUND",
      );
      for (const where of [{ realm: STAGING }, {}]) {
        expect(await prodDeploy.fate("DELETE", path, undefined, where)).toStartWith("403");
      }
      expect(await own.fate("GET", path)).toBe("200");
    }
    for (const path of containers(PRODUCTION)) {
      expect(await ciStaging.fate("GET", path, undefined, { realm: STAGING })).toBe(
        "404 CONTAINER_NOT_FOUND",
      );
    }
  });
});

test("a realm for each client: none sees another's infrastructure", async () => {
  const own = await newProvider();
  const clients = { acme: "ac".repeat(12), globex: "91".repeat(12), internal: "12".repeat(12) };
  const holders: Record<string, Holder> = {};
  for (const [client, realm] of Object.entries(clients)) {
    const project = await own.project("workspace", { realm });
    await own.container(project, `${client}-box`, { realm });
    const template = client === "internal" ? { permission_template: "full_access" } : {};
    const alias = client === "internal" ? "admin-full-access" : `${client}-api-key`;
    holders[client] = await own.token({ alias, realm_ids: [realm], ...template });
  }
  for (const [client, holder] of Object.entries(holders)) {
    for (const [other, realm] of Object.entries(clients)) {
      const seen = await holder.fate("GET", "/containers/", undefined, { realm });
      expect([client, other, seen]).toEqual([
        client,
        other,
        client === other ? "200" : "403 REALM_NOT_ALLOWED",
      ]);
    }
    const realm = clients[client as keyof typeof clients];
    expect(await holder.listed("containers", { realm })).toEqual([`${client}-box`]);
  }
});

test("a realm for each agent, of some containers of a project", async () => {
  const own = await newProvider();
  const project = await own.project("fleet");
  const ids: string[] = [];
  for (let n = 10; n < 20; n++) ids.push(await own.container(project, `box-${n}`));
  const agents = {
    "agent-deploy": { realm: "d1".repeat(12), manages: ids.slice(0, 3) },
    "agent-monitor": { realm: "d2".repeat(12), manages: ids },
    "agent-test": { realm: "d3".repeat(12), manages: ids.slice(8) },
  };
  const realmIds = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { realm, manages } of Object.values(agents)) {
    for (const id of manages) realmIds.get(id)?.push(realm);
  }
  for (const [id, realm_ids] of realmIds) {
    await own.data("PATCH", `/containers/${id}`, { realm_ids });
  }
  for (const [alias, { realm, manages }] of Object.entries(agents)) {
    const agent = await own.token({ alias, realm_ids: [realm], allow_no_realm: false });
    expect(await agent.listed("containers", { realm }, "id")).toEqual(manages.toSorted());
    expect(await agent.listed("projects", { realm })).toEqual([]);
    for (const id of ids) {
      const logs = await agent.fate("GET", `/containers/${id}/status-logs`, undefined, { realm });
      expect(logs).toBe(manages.includes(id) ? "200" : "404 CONTAINER_NOT_FOUND");
      // What is shared with another agent's realm can be looked at and operated, not renamed or deleted.
      const isShared = (realmIds.get(id) ?? []).length > 1;
      const changed = await agent.fate("PATCH", `/containers/${id}`, { comment: "x" }, { realm });
      const mine = isShared ? "403 SHARED_ACROSS_REALMS" : "200";
      expect(changed).toBe(manages.includes(id) ? mine : "404 CONTAINER_NOT_FOUND");
    }
  }
});

describe("somebody from outside gets some containers for a while", () => {
  const from = "203.0.113.44";
  const there = { ...inRealm, from };
  let provider: Account;
  let freelancer: Holder;
  let relevant: string;
  let other: string;

  beforeAll(async () => {
    provider = await newProvider();
    const project = await provider.project("ours");
    relevant = await provider.container(project, "relevant");
    other = await provider.container(project, "other");
    await provider.data("PATCH", `/containers/${relevant}`, { realm_ids: [REALM] });
    freelancer = await provider.token(freelance());
  });

  // hoody auth create --alias "freelancer-debug" --expires-at … --ip-whitelist "203.0.113.44"
  //   --realm-ids "507f1f77bcf86cd799439011" --no-allow-no-realm
  const freelance = (ip_whitelist: unknown = "203.0.113.44", alias = "freelancer-debug") => ({
    alias,
    expires_at: inADay(),
    ip_whitelist,
    realm_ids: ["507f1f77bcf86cd799439011"],
    allow_no_realm: false,
  });

  test("those containers and nothing else of the account, from that address", async () => {
    expect(await freelancer.listed("containers", there)).toEqual(["relevant"]);
    expect(await freelancer.listed("projects", there)).toEqual([]);
    expect(await freelancer.fate("GET", `/containers/${relevant}`, undefined, there)).toBe("200");
    expect(await freelancer.fate("GET", `/containers/${other}`, undefined, there)).toStartWith(
      "404",
    );
    expect(await freelancer.fate("GET", "/containers/", undefined, inRealm)).toBe(
      "403 IP_NOT_ALLOWED",
    );
  });

  test("--ip-whitelist is taken as text and as a list", async () => {
    const listed = await provider.token(freelance([from], "as a list"));
    for (const { made } of [freelancer, listed]) expect(made.ip_whitelist).toEqual([from]);
  });

  test.each(["PUT", "PATCH"])("disabled by %s, access is gone at once", async (verb) => {
    const holder = await provider.token(freelance(from, `disabled by ${verb}`));
    const path = `/auth/tokens/${holder.id}`;
    const fate = () => holder.fate("GET", "/containers/", undefined, there);
    expect(await fate()).toBe("200");
    expect(await provider.fate(verb, path, { is_enabled: false })).toBe("200");
    expect(await fate()).toBe("401 TOKEN_DISABLED");
    expect(await provider.data("GET", path)).toMatchObject({ is_enabled: false });
    expect(await provider.fate(verb, path, { is_enabled: true })).toBe("200");
    expect(await fate()).toBe("200");
  });

  test("deleted, access is gone at once, and the containers are not", async () => {
    const holder = await provider.token(freelance(from, "deleted"));
    expect(await provider.fate("DELETE", `/auth/tokens/${holder.id}`)).toBe("200");
    expect(await holder.fate("GET", "/containers/", undefined, there)).toBe("401 INVALID_TOKEN");
    expect(await provider.fate("GET", `/containers/${relevant}`)).toBe("200");
  });
});

describe("an API for a customer", () => {
  const network = "203.0.113.9";
  const there = { ...inRealm, from: network };
  const realmId = "507f1f77bcf86cd799439011";
  let provider: Account;
  let project: string;
  let container: string;
  let customer: Holder;

  // The platform provider's script, statement by statement.
  beforeAll(async () => {
    // HoodyClient.authenticate('https://api.hoody.icu', { username: process.env.PROVIDER_EMAIL!, password: … })
    provider = await newProvider();
    await provider.container(await provider.project("not for customers"), "private");
    // hoody.api.projects.create({ alias: 'acme-workspace', realm_ids: [realmId] })
    const workspace = { alias: "acme-workspace", realm_ids: [realmId] };
    const made = await provider.call("POST", "/projects/", workspace);
    project = made.body.data.id;
    // hoody.api.containers.create(project.data!.id, { server_id, name: 'acme-box-1', hoody_kit: true, realm_ids: [realmId] })
    const box = {
      server_id: await provider.serverId(),
      name: "acme-box-1",
      hoody_kit: true,
      realm_ids: [realmId],
    };
    const boxed = await provider.call("POST", `/projects/${project}/containers`, box);
    container = boxed.body.data.id;
    // hoody.api.authTokens.create({ … }), with its date as it is while that is to come: see seed-dates.test.ts
    customer = await provider.token({
      alias: "Customer: Acme Corp",
      permission_template: "external_customer",
      realm_ids: [realmId],
      allow_no_realm: false,
      ip_whitelist: ["203.0.113.0/24"],
      expires_at: inADay(),
    });
  }, 30_000);

  test("the provider logs in with an e-mail address as username", async () => {
    for (const name of [{ username: provider.email }, { email: provider.email }]) {
      const credentials = { ...name, password: provider.password };
      const { token } = await provider.data("POST", "/users/auth/login", credentials);
      expect(await provider.holder(token).fate("GET", "/users/auth/me")).toBe("200");
    }
  });

  test("the project, the container and the token are the realm's", async () => {
    const { data } = (await provider.call("GET", `/projects/${project}`)).body;
    expect(data).toMatchObject({ alias: "acme-workspace", realm_ids: [realmId] });
    const box = await provider.data("GET", `/containers/${container}`);
    expect(box).toMatchObject({ name: "acme-box-1", project_id: project, realm_ids: [realmId] });
    expect(customer.made).toMatchObject({
      alias: "Customer: Acme Corp",
      realm_ids: [realmId],
      allow_no_realm: false,
      ip_whitelist: ["203.0.113.0/24"],
    });
  });

  test("the token's value is told once, never by list or get", async () => {
    expect(customer.made.token).toStartWith("hdy_");
    const list = await provider.data("GET", "/auth/tokens");
    const shown = await provider.data("GET", `/auth/tokens/${customer.id}`);
    const ids = list.map(({ id }: { id: string }) => id);
    expect(ids).toContain(customer.id);
    for (const each of [...list, shown]) expect(each).not.toHaveProperty("token");
    expect(JSON.stringify([list, shown])).not.toContain(customer.made.token);
  });

  test("token and host, and the customer is in its own universe", async () => {
    expect(await customer.listed("projects", there)).toEqual(["acme-workspace"]);
    expect(await customer.listed("containers", there)).toEqual(["acme-box-1"]);
    const elsewhere = { from: network };
    expect(await customer.fate("GET", "/containers/", undefined, elsewhere)).toStartWith("403");
    const addition = { server_id: await provider.serverId(), name: "acme-box-2" };
    const path = `/projects/${project}/containers`;
    const made = await customer.data("POST", path, addition, there);
    expect(made.realm_ids).toEqual([realmId]);
    const second = `/containers/${made.id}`;
    expect(await customer.fate("DELETE", second, undefined, there)).toBe("200");
  });

  test("no new projects, billing, AI or servers for the customer", async () => {
    const alias = { alias: "my-own" };
    expect(await customer.fate("POST", "/projects/", alias, there)).toBe(
      "403 INSUFFICIENT_PERMISSIONS",
    );
    const upstream = { address: "127.0.0.1" };
    const path = `/containers/${container}/upstream`;
    expect(await customer.fate("PUT", path, upstream, there)).toBe("403 INSUFFICIENT_PERMISSIONS");
    const { permissions } = customer.made;
    expect(permissions.projects).toMatchObject({ create: false, read: true });
    expect(permissions.containers.features).toMatchObject({ ai: false, hoody_kit: true });
    expect(leaves(permissions.financial)).toEqual([false]);
    expect(leaves(permissions.admin)).toEqual([false]);
    expect(permissions.resources.create_tokens).toBeFalse();
  });

  test.each([
    ["dev_team", { "/projects/": "201", "/auth/tokens": "403" }],
    ["read_only", { "/projects/": "403", "/auth/tokens": "403" }],
    ["full_access", { "/projects/": "201", "/auth/tokens": "201" }],
  ])("other templates: %s (201)", async (permission_template, fates) => {
    const own = await newProvider();
    await own.container(await own.project("acme-workspace", inRealm), "acme-box-1", inRealm);
    const body = { alias: permission_template, permission_template, realm_ids: [realmId] };
    const holder = await own.token(body);
    for (const [path, fate] of Object.entries(fates)) {
      const alias = `by ${permission_template}`;
      expect((await holder.fate("POST", path, { alias }, inRealm)).slice(0, 3)).toBe(fate);
    }
    expect(await holder.listed("containers", inRealm)).toEqual(["acme-box-1"]);
  });

  test("and permissions one by one", async () => {
    // hoody auth create … --permissions-containers-read --permissions-containers-actions-stop
    const permissions = { containers: { read: true, actions: { stop: true } } };
    const holder = await provider.token({ alias: "custom", permissions, realm_ids: [realmId] });
    const path = `/containers/${container}`;
    const box = await provider.container(project, "custom-box", inRealm);
    expect(await holder.fate("GET", path, undefined, inRealm)).toBe("200");
    expect(await holder.fate("POST", `/containers/${box}/stop`, undefined, inRealm)).toBe("200");
    for (const [method, refused] of [
      ["POST", `/containers/${box}/start`],
      ["DELETE", `/containers/${box}`],
      ["GET", "/projects/"],
    ] as const) {
      expect(await holder.fate(method, refused, undefined, inRealm)).toBe(
        "403 INSUFFICIENT_PERMISSIONS",
      );
    }
    await provider.data("DELETE", `/containers/${box}`);
  });

  test("the token is locked to the customer's range", async () => {
    for (const [from, fate] of [
      ["203.0.113.0", "200"],
      ["203.0.113.255", "200"],
      ["203.0.114.0", "403 IP_NOT_ALLOWED"],
      ["203.0.112.255", "403 IP_NOT_ALLOWED"],
    ] as const) {
      const where = { ...inRealm, from };
      expect([from, await customer.fate("GET", "/projects/", undefined, where)]).toEqual([
        from,
        fate,
      ]);
    }
  });

  describe("a public profile", () => {
    const public_storage = { company: "Acme Corp", tier: "gold", display: { color: "#abc" } };
    const serials = { next: 0 };
    const newKey = () => `${++serials.next}`.padStart(64, "ab");

    test("is set at creation, and shown to whoever knows the key", async () => {
      const public_key = newKey();
      const profile = { public_key, public_storage };
      const body = { alias: "profiled", realm_ids: [realmId], ...profile };
      const holder = await provider.token(body);
      expect(holder.made).toMatchObject(profile);
      const path = `/auth/tokens/public-profiles/${public_key}`;
      expect(await provider.data("GET", path)).toEqual(profile);
      expect(await customer.data("GET", path, undefined, there)).toEqual(profile);
    });

    test("or later by PUT /auth/tokens/me/public-profile", async () => {
      const profile = { public_key: newKey(), public_storage };
      const path = "/auth/tokens/me/public-profile";
      expect(await customer.data("PUT", path, profile, there)).toMatchObject(profile);
      const shown = await provider.data("GET", `/auth/tokens/${customer.id}`);
      expect(shown).toMatchObject(profile);
    });

    test("needs a key, ED25519 as 64 hex digits", async () => {
      const path = "/auth/tokens";
      const stored = { alias: "keyless", public_storage };
      expect(await provider.fate("POST", path, stored)).toBe("400 VALIDATION_ERROR");
      for (const public_key of ["ab", "z".repeat(64), "a".repeat(63)]) {
        expect(await provider.fate("POST", path, { ...stored, public_key })).toBe(
          "400 INVALID_PUBLIC_KEY_FORMAT",
        );
      }
      const holder = await provider.token({ alias: "keyless later", realm_ids: [realmId] });
      const mine = "/auth/tokens/me/public-profile";
      expect(await holder.fate("PUT", mine, { public_storage }, inRealm)).toBe(
        "400 VALIDATION_ERROR",
      );
    });
  });
});

/** The different values in a tree of permissions. */
function leaves(tree: object): boolean[] {
  const values = Object.values(tree).flatMap((value) =>
    typeof value === "object" ? leaves(value) : [value],
  );
  return [...new Set(values)];
}

describe("practices", () => {
  test("a token for each realm and application is told apart, and ended alone", async () => {
    const own = await newProvider();
    await own.project("ops", inRealm);
    const tokens = [];
    for (const alias of ["frontend prod", "backend prod"]) {
      tokens.push(await own.token({ alias, realm_ids: [REALM] }));
    }
    for (const holder of tokens) await holder.listed("projects", inRealm);
    const listed = await own.data("GET", "/auth/tokens");
    for (const each of listed) expect(each.last_used_at).toBeString();
    await own.data("DELETE", `/auth/tokens/${tokens[0]?.id}`);
    const fates = [];
    for (const holder of tokens) {
      fates.push(await holder.fate("GET", "/projects/", undefined, inRealm));
    }
    expect(fates).toEqual(["401 INVALID_TOKEN", "200"]);
  });

  test.each(["/realms/", "/realms"])("hoody realms list: GET %s", async (path) => {
    const own = await newProvider();
    const nameless = await own.data("GET", path);
    expect(nameless).toEqual({ realm_ids: [], total: 0 });
    const [ofProject, ofContainer, ofToken] = ["1", "2", "3"].map((digit) => digit.repeat(24));
    const project = { alias: "p", realm_ids: [ofProject] };
    const { id } = await own.data("POST", "/projects/", project);
    const server_id = await own.serverId();
    const box = { server_id, name: "box", realm_ids: [ofContainer, ofProject] };
    await own.data("POST", `/projects/${id}/containers`, box);
    await own.token({ alias: "t", realm_ids: [ofToken] });
    const realm_ids = [ofProject, ofContainer, ofToken];
    expect(await own.data("GET", path)).toEqual({ realm_ids, total: 3 });
  });
});

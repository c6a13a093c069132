// What the contract documents of an answer is there, by its name: absent and null are not the same to a client.
// What we add is listed, so that it is added on purpose.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ControlPlane } from "../harness/control-plane.ts";

const password = "correct horse 1";

const words = (text: string) => text.split(" ");

/** Contract B to J, by section: names in the order of the contract. */
const documented = {
  session: words(
    "token refreshToken expires_at expires_in refresh_expires_at refresh_expires_in client_ip recent_login_ips auth_token_count user server project container",
  ),
  user: words(
    "id username email alias public_key metadata is_admin is_banned email_verified avatar_url signup_method created_at updated_at",
  ),
  reducedUser: words("id username alias public_key created_at updated_at"),
  token: words(
    "alias public_key public_storage ip_whitelist permissions realm_ids allow_no_realm vault_access event_access expires_at is_enabled id prefix created_by_token_id delegation_depth last_used_at last_used_ip created_at updated_at",
  ),
  restrictions: words(
    "has_realm_restrictions requires_realm_scope allowed_realm_ids allow_no_realm active_realm_id max_delegation_depth",
  ),
  project: words(
    "id user_id alias color created_at updated_at max_containers is_default realm_ids",
  ),
  member: words("id project_id user_id permission_level created_at updated_at user"),
  container: words(
    "id project_id project_alias server_id server_name ssh_hostname name color status realm_ids comment created_at updated_at has_proxy_permissions proxy_permissions_scope has_proxy_domains proxy_domains_count",
  ),
  statusLog: words(
    "id container_id from_status to_status transition_time duration_ms triggered_by metadata",
  ),
  server: words("id name domain status created_at"),
  alias: words(
    "id user_id project_id container_id alias program index target_path allow_path_override expires_at enabled created_at updated_at server_id server_name url",
  ),
  pagination: words("total page limit totalPages"),
} as const;

/** Fields that the description leaves out and the product adds. */
const ours = {
  container: ["address", "programs"],
  server: ["enforced_revision", "enforcing", "heard_at", "lag", "processes", "versions"],
} as const;

let plane: ControlPlane;
let owner: string;
let ids: Readonly<Record<"owner" | "signedUp" | "project" | "container" | "alias", string>>;

beforeAll(async () => {
  plane = new ControlPlane();
  const passwordHash = await Bun.password.hash(password, "argon2id");
  await plane.store.createFirstUser({ username: "owner", passwordHash });
  const email = "ann@example.com";
  await plane.store.createUser({ username: "ann", email, passwordHash });
  await plane.store.registerServer("local");
  owner = await plane.session("owner");
  const make = async (path: string, body: unknown) => (await post(path, body)).id;
  const project = await make("/projects", { alias: "p" });
  const container = await make(`/projects/${project}/containers`, { name: "box" });
  const alias = await make("/proxy/aliases", { container_id: container, program: "terminal" });
  const signedUp = (await get("/users/me", await plane.session("ann"))).id;
  await post(`/projects/${project}/permissions`, { user_id: signedUp, permission_level: "read" });
  ids = { owner: (await get("/users/me")).id, signedUp, project, container, alias };
});

afterAll(() => plane[Symbol.asyncDispose]());

function get(path: string, as = owner): ReturnType<ControlPlane["data"]> {
  return plane.data(as, { method: "GET", path, realm: null });
}

function post(path: string, body: unknown): ReturnType<ControlPlane["data"]> {
  return plane.data(owner, { method: "POST", path, realm: null, body });
}

function expectFields(answer: object, ...fields: readonly (readonly string[])[]): void {
  expect(Object.keys(answer).sort()).toEqual(fields.flat().sort());
}

describe("documented fields", () => {
  test("of a session and its user", async () => {
    const session = await post("/users/auth/login", { username: "owner", password });
    expectFields(session, documented.session);
    expect(session).toMatchObject({ server: null, project: null, container: null });
    expectFields(session.user, documented.user);
    expect(session.recent_login_ips).toEqual([
      { ip: "127.0.0.1", timestamp: "2026-01-01T00:00:00.000Z" },
    ]);
  });

  test("of a user without an address, and of one that signed up with it", async () => {
    const never = { is_banned: false, email_verified: false, avatar_url: null };
    const first = await get("/users/me");
    expectFields(first, documented.user);
    expect(first).toMatchObject({ ...never, email: null, signup_method: null });
    const ann = await get(`/users/${ids.signedUp}`, await plane.session("ann"));
    expectFields(ann, documented.user);
    expect(ann).toMatchObject({ ...never, email: "ann@example.com", signup_method: "email" });
  });

  test("of a user as an auth token without resources.read_account is told, and of the token", async () => {
    const { token, ...made } = await post("/auth/tokens", { permissions: {} });
    expectFields(made, documented.token);
    const me = await get("/users/auth/me", token);
    expectFields(me, documented.reducedUser, ["auth_token"]);
    expectFields(me.auth_token, ["token", "restrictions"]);
    expectFields(me.auth_token.token, documented.token);
    expectFields(me.auth_token.restrictions, documented.restrictions);
    expectFields(await get(`/users/${ids.owner}`, token), documented.reducedUser);
  });

  test("of projects and their members", async () => {
    const { projects, pagination } = await get("/projects");
    expectFields(projects[0], documented.project);
    expectFields(pagination, documented.pagination);
    const { permissions } = await get(`/projects/${ids.project}/permissions`);
    expectFields(permissions[0], documented.member);
    expectFields(permissions[0].user, ["id", "username", "alias"]);
    const whole = await get(`/projects/${ids.project}?include_permissions=true`);
    expectFields(whole, documented.project, ["permissions"]);
  });

  test("of containers, their logs and servers", async () => {
    const { containers } = await get("/containers");
    expectFields(containers[0], documented.container, ours.container);
    const flags = "include_proxy_domains=true&include_proxy_permissions=true";
    const whole = await get(`/containers/${ids.container}?${flags}`);
    expectFields(whole, documented.container, ours.container, [
      "proxy_domains",
      "proxy_permissions",
      "project_proxy_permissions",
    ]);
    const { logs } = await get(`/containers/${ids.container}/status-logs`);
    expectFields(logs[0], documented.statusLog);
    const { servers, total } = await get("/servers");
    expect(total).toBe(1);
    expectFields(servers[0], documented.server, ours.server);
  });

  test("of aliases", async () => {
    const { aliases, count } = await get("/proxy/aliases");
    expect(count).toBe(1);
    expectFields(aliases[0], documented.alias);
    const whole = await get(`/proxy/aliases/${ids.alias}`);
    expectFields(whole, documented.alias, ["project", "container"]);
  });
});

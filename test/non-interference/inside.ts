// What a realm-confined caller may come upon, and calls that it makes at random. Both universes are asked the same.
import type { Random } from "../arbitrary/random.ts";
import type { Request } from "../harness/control-plane.ts";

/** The realm of the caller. */
export const here = "aaaaaaaaaaaaaaaaaaaaaaaa";
/** A realm that the caller may not use. */
export const there = "bbbbbbbbbbbbbbbbbbbbbbbb";
/** A realm that nothing names. */
export const nowhere = "cccccccccccccccccccccccc";

/** Names that both sides of the realm's border draw from: where they meet, nothing may be told. */
export const names = ["web", "api", "db", "shop"] as const;
export const colors = ["#111111", "#222222"] as const;
export const publicKeys = ["1".repeat(64), "2".repeat(64)] as const;

/** The ids that a call may use, by what they name. */
export interface Known {
  readonly projects: string[];
  readonly containers: string[];
  readonly tokens: string[];
  readonly aliases: string[];
  readonly members: string[];
  readonly users: string[];
  /** Lists that go on, as paths. */
  readonly cursors: string[];
}

type Make = (random: Random, known: Known) => Omit<Request, "realm">;

const etag = (random: Random) => `file:v${random.below(4)}`;
const realmIds = (random: Random) => random.pick([[], [here], [there], [here, there]]);
const office = { type: "ip", range: "203.0.113.0/24" };

function page(random: Random, columns: readonly string[]): string {
  const query = new URLSearchParams();
  if (random.chance(0.5)) query.set("page", String(random.between(1, 3)));
  if (random.chance(0.5)) query.set("limit", String(random.between(1, 4)));
  // Ids are drawn at random in each universe: an order by them says nothing.
  if (random.chance(0.5)) query.set("sort_by", random.pick(columns));
  if (random.chance(0.5)) query.set("sort_order", random.pick(["asc", "desc"]));
  return `${query}`;
}

/** A write that is only tried: what it would change is told, and is no more than the caller sees. */
const tried: Make = (random, { containers, projects }) => {
  const owners = [`containers/${random.pick(containers)}`, `projects/${random.pick(projects)}`];
  const path = `/${random.pick(owners)}/proxy/permissions`;
  const ifMatch = random.chance(0.7) ? "file:v0" : etag(random);
  return random.chance(0.2)
    ? { method: "DELETE", path: `${path}?validate_only=true`, ifMatch }
    : {
        method: "PUT",
        path: `${path}?validate_only=true`,
        body: { groups: { office }, permissions: { office: { terminal: true } } },
        ifMatch,
      };
};

/** A list that is read from its beginning, so that it can be read on. */
const begun: Make = (random, { projects, containers }) => {
  const list = random.pick([
    "/projects?",
    "/containers?",
    `/containers?project_id=${random.pick(projects)}&`,
    `/projects/${random.pick(projects)}/permissions?`,
    `/containers/${random.pick(containers)}/status-logs?`,
    "/proxy/aliases?",
    "/auth/tokens?",
  ]);
  return { method: "GET", path: `${list}limit=${random.between(1, 3)}&cursor=` };
};

/** Ids of events and of calls are drawn at random in each universe; how many there are, and in which order, is not. */
const listedEvents: Make = (random, { projects, containers, users }) => {
  const query = new URLSearchParams({ limit: String(random.between(1, 100)) });
  const begin = random.pick(["offset", "page", "cursor", null]);
  if (begin === "offset") query.set(begin, String(random.below(20)));
  if (begin === "page") query.set(begin, String(random.between(1, 3)));
  if (begin === "cursor") query.set(begin, "");
  if (random.chance(0.4)) query.set("sort_by", random.pick(["created_at", "event_type"]));
  if (random.chance(0.4)) query.set("sort_order", random.pick(["asc", "desc"]));
  if (random.chance(0.3)) query.set("kind", random.pick(["project", "proxy.permissions", "auth"]));
  const types = ["project", "container", "proxy_permissions", "proxy_alias", "auth_token", "realm"];
  if (random.chance(0.3)) query.set("resource_type", random.pick(types));
  if (random.chance(0.2)) query.set("project_id", random.pick(projects));
  if (random.chance(0.2)) query.set("container_id", random.pick(containers));
  if (random.chance(0.2)) query.set("actor_id", random.pick(users));
  return { method: "GET", path: `/events?${query}` };
};

const continued: Make = (random, { cursors }) => ({ method: "GET", path: random.pick(cursors) });

const reads: readonly Make[] = [
  begun,
  begun,
  continued,
  continued,
  continued,
  (random) => ({ method: "GET", path: `/projects?${page(random, ["created_at", "updated_at"])}` }),
  (random) => ({
    method: "GET",
    path: `/containers?${page(random, ["created_at", "updated_at"])}&include_proxy_domains=true&include_proxy_permissions=${random.chance(0.5)}`,
  }),
  (random, { projects }) => ({
    method: "GET",
    path: `/projects/${random.pick(projects)}?include_permissions=${random.chance(0.5)}`,
  }),
  (random, { projects }) => ({ method: "GET", path: `/projects/${random.pick(projects)}/stats` }),
  listedEvents,
  listedEvents,
  (random, { projects }) => ({
    method: "GET",
    path: `/events?resource_id=${random.pick(projects)}&limit=100`,
  }),
  (random) => ({ method: "GET", path: `/users/auth/activity?limit=${random.between(1, 20)}` }),
  (random, { projects }) => ({
    method: "GET",
    path: `/events/stats${random.chance(0.5) ? "" : `?project_id=${random.pick(projects)}`}`,
  }),
  () => ({ method: "GET", path: "/users/auth/activity/stats" }),
  (random, { projects }) => ({
    method: "GET",
    path: `/projects/${random.pick(projects)}/permissions?${page(random, ["created_at"])}`,
  }),
  (random, { projects }) => ({
    method: "GET",
    path: `/projects/${random.pick(projects)}/containers?${page(random, ["created_at", "name"])}`,
  }),
  (random, { projects }) => ({
    method: "GET",
    path: `/projects/${random.pick(projects)}/proxy/permissions`,
  }),
  (random, { containers }) => ({
    method: "GET",
    path: `/containers/${random.pick(containers)}?include_proxy_permissions=true&include_proxy_domains=true`,
  }),
  ...[
    "/status-logs",
    "/proxy/logs",
    "/proxy/logs?limit=1&reason=granted",
    "/proxy/logs/stats",
    "/proxy/connections",
    "/proxy/permissions",
    "/proxy/settings",
    "/proxy/groups",
    "/proxy/services",
    "/proxy/services/terminal",
    "/proxy/hooks",
    "/proxy/hooks/terminal",
  ].map(
    (rest): Make =>
      (random, { containers }) => ({
        method: "GET",
        path: `/containers/${random.pick(containers)}${rest}`,
      }),
  ),
  (random, { containers }) => ({
    method: "GET",
    path: `/containers/${random.pick(containers)}/proxy/access`,
  }),
  (random, { containers }) => ({
    method: "POST",
    path: `/containers/${random.pick(containers)}/proxy/explain`,
    body: {
      ...random.pick([{ program: "terminal" }, { alias: `inside-${random.below(6)}` }]),
      ip: random.pick(["203.0.113.7", "198.51.100.7"]),
    },
  }),
  (random, { containers }) => ({
    method: "POST",
    path: `/containers/${random.pick(containers)}/proxy/explain`,
    body: { request_id: "a".repeat(24) },
  }),
  tried,
  tried,
  () => ({ method: "GET", path: "/proxy/aliases" }),
  (random, { projects }) => ({
    method: "GET",
    path: `/proxy/aliases?project_id=${random.pick(projects)}`,
  }),
  (random, { containers }) => ({
    method: "GET",
    path: `/proxy/aliases?container_id=${random.pick(containers)}`,
  }),
  (random, { aliases }) => ({ method: "GET", path: `/proxy/aliases/${random.pick(aliases)}` }),
  () => ({ method: "GET", path: "/auth/tokens" }),
  () => ({ method: "GET", path: "/auth/tokens/me" }),
  (random, { tokens }) => ({ method: "GET", path: `/auth/tokens/${random.pick(tokens)}` }),
  (random) => ({
    method: "GET",
    path: `/auth/tokens/public-profiles/${random.pick(publicKeys)}`,
  }),
  (random) => ({ method: "GET", path: `/realms?include_usage=${random.chance(0.8)}` }),
  () => ({ method: "GET", path: "/servers" }),
  () => ({ method: "GET", path: "/users/me" }),
  (random, { users }) => ({ method: "GET", path: `/users/${random.pick(users)}` }),
];

const writes: readonly Make[] = [
  (random) => ({
    method: "POST",
    path: "/projects",
    body: {
      alias: random.pick(names),
      color: random.pick(colors),
      ...(random.chance(0.3) ? { realm_ids: realmIds(random) } : {}),
    },
  }),
  (random, { projects }) => ({
    method: "PATCH",
    path: `/projects/${random.pick(projects)}`,
    body: {
      alias: random.pick(names),
      ...(random.chance(0.3) ? { realm_ids: realmIds(random) } : {}),
      ...(random.chance(0.2) ? { max_containers: random.pick([null, 50]) } : {}),
    },
  }),
  (random, { projects }) => ({
    method: "DELETE",
    path: `/projects/${random.pick(projects)}?include_deleted_items=true`,
  }),
  (random, { projects }) => ({
    method: "POST",
    path: `/projects/${random.pick(projects)}/containers`,
    body: {
      name: random.pick(names),
      color: random.pick(colors),
      ...(random.chance(0.3) ? { realm_ids: realmIds(random) } : {}),
    },
  }),
  (random, { projects, users }) => ({
    method: "POST",
    path: `/projects/${random.pick(projects)}/permissions`,
    body: {
      user_id: random.pick(users),
      permission_level: random.pick(["read", "edit", "delete"]),
    },
  }),
  (random, { projects, members }) => ({
    method: "PATCH",
    path: `/projects/${random.pick(projects)}/permissions/${random.pick(members)}`,
    body: { permission_level: random.pick(["read", "edit", "delete"]) },
  }),
  (random, { projects, members }) => ({
    method: "DELETE",
    path: `/projects/${random.pick(projects)}/permissions/${random.pick(members)}`,
  }),
  (random, { containers }) => ({
    method: "PATCH",
    path: `/containers/${random.pick(containers)}`,
    body: {
      name: random.pick(names),
      ...(random.chance(0.3) ? { realm_ids: realmIds(random) } : {}),
    },
  }),
  (random, { containers }) => ({
    method: "DELETE",
    path: `/containers/${random.pick(containers)}`,
  }),
  (random, { containers }) => ({
    method: "POST",
    path: `/containers/${random.pick(containers)}/${random.pick(["start", "stop", "pause"])}`,
  }),
  (random, { containers, projects }) => ({
    method: "PATCH",
    path: `/${random.chance(0.5) ? `containers/${random.pick(containers)}` : `projects/${random.pick(projects)}`}/proxy/permissions/groups/office/ip`,
    body: { range: "203.0.113.0/24" },
    ifMatch: etag(random),
  }),
  (random, { containers, projects }) => ({
    method: "PUT",
    path: `/${random.chance(0.5) ? `containers/${random.pick(containers)}` : `projects/${random.pick(projects)}`}/proxy/permissions`,
    body: { groups: { office }, permissions: { office: { terminal: true } } },
    ifMatch: etag(random),
  }),
  (random, { containers }) => ({
    method: "DELETE",
    path: `/containers/${random.pick(containers)}/proxy/permissions`,
    ifMatch: etag(random),
  }),
  (random, { containers }) => ({
    method: "PATCH",
    path: `/containers/${random.pick(containers)}/proxy/settings`,
    body: { enable_proxy: random.chance(0.5) },
    ifMatch: etag(random),
  }),
  (random, { containers }) => ({
    method: "POST",
    path: `/containers/${random.pick(containers)}/proxy/hooks/terminal`,
    body: {
      match: {},
      script: { path: "/gate.ts" },
      ...(random.chance(0.5) ? { applies_to: { groups: ["office"] } } : {}),
    },
    ifMatch: etag(random),
  }),
  (random, { containers }) => ({
    method: "POST",
    path: "/proxy/aliases",
    body: {
      container_id: random.pick(containers),
      alias: `inside-${random.below(6)}`,
      program: "terminal",
    },
  }),
  (random, { aliases }) => ({
    method: "PATCH",
    path: `/proxy/aliases/${random.pick(aliases)}/state`,
    body: { enabled: random.chance(0.5) },
  }),
  (random, { aliases }) => ({ method: "DELETE", path: `/proxy/aliases/${random.pick(aliases)}` }),
  (random) => ({
    method: "POST",
    path: "/auth/tokens",
    body: {
      alias: random.pick(names),
      ...(random.chance(0.3) ? { public_key: random.pick(publicKeys) } : {}),
      ...(random.chance(0.3) ? { realm_ids: realmIds(random) } : {}),
    },
  }),
  (random, { tokens }) => ({
    method: "PATCH",
    path: `/auth/tokens/${random.pick(tokens)}`,
    body: { alias: random.pick(names) },
  }),
  (random, { tokens }) => ({
    method: "POST",
    path: `/auth/tokens/${random.pick(tokens)}/${random.pick(["add-realm", "remove-realm"])}`,
    body: { realm_id: random.pick([here, there]) },
  }),
  (random, { tokens }) => ({ method: "DELETE", path: `/auth/tokens/${random.pick(tokens)}` }),
  (random) => ({
    method: "PATCH",
    path: "/auth/tokens/me/public-profile",
    body: { public_key: random.pick(publicKeys), public_storage: { n: random.below(3) } },
  }),
];

/** One call of the confined caller: mostly in its realm, mostly a read, sometimes filtered by a realm. */
export function randomCall(random: Random, known: Known): Request {
  const make = random.pick(random.chance(0.6) ? reads : writes);
  const realm = random.chance(0.93) ? here : random.pick([null, there, nowhere]);
  const request = make(random, known);
  if (!random.chance(0.08)) return { ...request, realm };
  const filter = random.pick([here, there, nowhere]);
  const path = `${request.path}${request.path.includes("?") ? "&" : "?"}realm_id=${filter}`;
  return { ...request, path, realm };
}

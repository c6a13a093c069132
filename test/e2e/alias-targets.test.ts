// Who sees the target of an alias, which may carry a credential: every answer that has aliases, by every kind of caller.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { type SendOptions, Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);
const target = "/proxy?url=https%3A%2F%2Fx%2F&auth=Bearer%20TOPSECRET";
const { READ, EDIT, DELETE } = ProjectLevel;

let tenants: Tenants;
/** Ada's, by level of bob in it. */
const places = new Map<ProjectLevel, { projectId: string; containerId: string; aliasId: string }>();

beforeAll(async () => {
  tenants = await Tenants.open();
  for (const level of [READ, EDIT, DELETE]) {
    const projectId = await tenants.project([A]);
    const containerId = await tenants.container(projectId, { realm_ids: [A] });
    const body = {
      container_id: containerId,
      alias: `link-${level}`,
      program: "curl",
      target_path: target,
      allow_path_override: false,
    };
    const { id } = await tenants.data("POST", "/proxy/aliases", { body });
    await tenants.data("POST", "/proxy/aliases", {
      body: { container_id: containerId, alias: `plain-${level}`, program: "http" },
    });
    await tenants.join(projectId, level);
    places.set(level, { projectId, containerId, aliasId: id });
  }
});

afterAll(() => tenants[Symbol.asyncDispose]());

const reading = ["containers.read", "projects.read"];
const withAliases = [...reading, "resources.proxy_aliases"];

const viewers: readonly [
  who: string,
  as: () => Promise<SendOptions> | SendOptions,
  level: ProjectLevel,
  sees: "target" | "no target" | "no aliases of their own",
][] = [
  ["the owner", () => ({ as: tenants.ada }), READ, "target"],
  ["a reader", () => ({ as: tenants.bob }), READ, "no target"],
  ["an editor", () => ({ as: tenants.bob }), EDIT, "target"],
  ["a remover", () => ({ as: tenants.bob }), DELETE, "target"],
  [
    "the owner's token for aliases",
    async () => ({ as: await tenants.token("ada", { leaves: withAliases }) }),
    READ,
    "target",
  ],
  [
    "the owner's confined token for aliases",
    async () => ({
      as: await tenants.token("ada", { leaves: withAliases, realmIds: [A] }),
      realm: A,
    }),
    READ,
    "target",
  ],
  [
    "the owner's token without aliases",
    async () => ({ as: await tenants.token("ada", { leaves: reading }) }),
    READ,
    "no aliases of their own",
  ],
  [
    "an editor's token without aliases",
    async () => ({ as: await tenants.token("bob", { leaves: reading }) }),
    EDIT,
    "no aliases of their own",
  ],
  [
    "a reader's token for aliases",
    async () => ({ as: await tenants.token("bob", { leaves: withAliases }) }),
    READ,
    "no target",
  ],
];

test.each(viewers)("%s", async (_who, caller, level, sees) => {
  const options = await caller();
  const place = places.get(level);
  if (place === undefined) throw new Error("no place");
  const { projectId, containerId, aliasId } = place;
  const shown =
    sees === "target"
      ? { target_path: target, target_path_hidden: undefined }
      : { target_path: null, target_path_hidden: true };
  const plain = { target_path: null, target_path_hidden: undefined };
  const containers = [
    await tenants.data("GET", `/containers/${containerId}?include_proxy_domains=true`, options),
    (await tenants.data("GET", "/containers?include_proxy_domains=true", options)).containers.find(
      ({ id }: { id: string }) => id === containerId,
    ),
    (
      await tenants.data(
        "GET",
        `/projects/${projectId}/containers?include_proxy_domains=true`,
        options,
      )
    ).containers[0],
  ];
  for (const { proxy_domains } of containers) {
    expect(proxy_domains.map(targetOf)).toEqual([plain, shown]);
  }
  const paths = [`/proxy/aliases/${aliasId}`, `/proxy/aliases?container_id=${containerId}`];
  const [one, listed] = await Promise.all(paths.map((path) => tenants.send("GET", path, options)));
  if (sees === "no aliases of their own") {
    expect([one?.status, listed?.status]).toEqual([403, 403]);
  } else {
    expect(targetOf(one?.body.data)).toEqual(shown);
    expect(listed?.body.data.aliases.map(targetOf)).toEqual([plain, shown]);
  }
  if (sees !== "target") {
    const all = JSON.stringify([containers, one?.text, listed?.text]);
    expect(all).not.toContain("TOPSECRET");
  }
});

function targetOf(alias: Record<string, unknown>) {
  const { target_path, target_path_hidden } = alias;
  return { target_path, target_path_hidden };
}

test("B4 no answer to a reader has the target, whatever is asked for", async () => {
  const place = places.get(READ);
  if (place === undefined) throw new Error("no place");
  const { projectId, containerId } = place;
  const as = tenants.bob;
  for (const path of [
    `/projects/${projectId}?include_permissions=true`,
    `/projects/${projectId}/stats`,
    `/containers/${containerId}?include_proxy_domains=true&include_proxy_permissions=true`,
    `/containers/${containerId}/proxy/services`,
    `/containers/${containerId}/proxy/services/curl`,
    `/containers/${containerId}/proxy/groups`,
    `/containers/${containerId}/proxy/hooks`,
    `/containers/${containerId}/proxy/settings`,
    `/containers/${containerId}/status-logs`,
    "/realms?include_usage=true",
    `/proxy/aliases?container_id=${containerId}`,
  ]) {
    const { status, text } = await tenants.send("GET", path, { as });
    expect([path, status]).toEqual([path, 200]);
    expect(text).not.toContain("TOPSECRET");
  }
  const question = { method: "POST", path: `/containers/${containerId}/proxy/explain` };
  const asked = await tenants.send(question.method, question.path, {
    as,
    body: { alias: `link-${READ}` },
  });
  // A reader may ask why; the answer names no target, and the summary of who can reach what does not either.
  expect(asked.status).toBe(200);
  const access = await tenants.send("GET", `/containers/${containerId}/proxy/access`, { as });
  expect(access.status).toBe(200);
  for (const { text } of [asked, access]) expect(text).not.toContain("TOPSECRET");
});

test("who edits goes on with a target that they do not send", async () => {
  const { aliasId = "" } = places.get(EDIT) ?? {};
  const changed = await tenants.data("PATCH", `/proxy/aliases/${aliasId}`, {
    as: tenants.bob,
    body: { enabled: false },
  });
  expect(targetOf(changed)).toEqual({ target_path: target, target_path_hidden: undefined });
});

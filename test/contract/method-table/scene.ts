// One of everything that a method can act on, made fresh; and what it all looks like, to see what a method did.
import type { ControlPlane } from "../../harness/control-plane.ts";
import { logged } from "../../harness/traffic.ts";

/** The realm that a scene is in. */
export const here = "aaaaaaaaaaaaaaaaaaaaaaaa";
/** A realm that a scene is only in when it is shared. */
export const there = "bbbbbbbbbbbbbbbbbbbbbbbb";

export interface Scene {
  /** Told apart from other scenes by it. */
  readonly n: number;
  readonly projectId: string;
  readonly containerId: string;
  readonly aliasId: string;
  readonly hookId: string;
  /** A member's permission, and a user who is no member. */
  readonly memberId: string;
  readonly guestId: string;
  readonly ownerId: string;
  readonly tokenId: string;
  readonly nodeId: string;
  readonly publicKey: string;
  /** One that the owner made up. */
  readonly namedRealmId: string;
  /** What a write of each document has to name. */
  readonly projectEtag: string;
  readonly containerEtag: string;
}

export interface SceneOptions {
  readonly n: number;
  /** Of the project and the container. */
  readonly realmIds: readonly string[];
  readonly ownerId: string;
  readonly memberId: string;
  readonly guestId: string;
}

/** `as`: the owner's session; the owner is an operator. */
export async function makeScene(
  plane: ControlPlane,
  as: string,
  { n, realmIds, ...users }: SceneOptions,
): Promise<Scene> {
  const send = (method: string, path: string, body?: unknown, ifMatch?: string) =>
    plane.data(as, {
      method,
      path,
      realm: null,
      ...(body === undefined ? {} : { body }),
      ...(ifMatch === undefined ? {} : { ifMatch }),
    });
  const color = "#123456";
  const project = await send("POST", "/projects", {
    alias: `scene-${n}`,
    color,
    realm_ids: realmIds,
  });
  const box = { name: `box-${n}`, color, realm_ids: realmIds, address: "10.0.0.1" };
  const container = await send("POST", `/projects/${project.id}/containers`, box);
  plane.connections.add(container.id);
  plane.exchangeLog.add(project.id, container.id, logged());
  const member = { user_id: users.memberId, permission_level: "read" };
  const permission = await send("POST", `/projects/${project.id}/permissions`, member);
  const alias = await send("POST", "/proxy/aliases", {
    container_id: container.id,
    alias: `scene-${n}`,
    program: "terminal",
  });
  const document = {
    groups: {
      office: { type: "ip", range: "203.0.113.0/24" },
      home: { type: "ip", range: "198.51.100.0/24" },
    },
    permissions: { office: { terminal: true } },
  };
  const ofProject = `/projects/${project.id}/proxy/permissions`;
  const ofContainer = `/containers/${container.id}/proxy/permissions`;
  const { etag: projectEtag } = await send("PUT", ofProject, document, "file:v0");
  await send("PUT", ofContainer, document, "file:v0");
  const hooks = `/containers/${container.id}/proxy/hooks/terminal`;
  const hook = { match: {}, script: { path: "/a.ts" } };
  const { hook: made, etag: containerEtag } = await send("POST", hooks, hook, "file:v1");
  const publicKey = n.toString(16).padStart(64, "0");
  const token = await send("POST", "/auth/tokens", {
    alias: `scene ${n}`,
    realm_ids: [here],
    public_key: publicKey,
  });
  const node = await send("POST", "/nodes", { name: `scene-${n}`, servers: ["local"] });
  const realm = await send("POST", "/realms", { name: `realm ${n}` });
  return {
    n,
    projectId: project.id,
    containerId: container.id,
    aliasId: alias.id,
    hookId: made.id,
    memberId: permission.id,
    guestId: users.guestId,
    ownerId: users.ownerId,
    tokenId: token.id,
    nodeId: node.id,
    publicKey,
    namedRealmId: realm.id,
    projectEtag,
    containerEtag,
  };
}

/** Everything of a scene as its owner sees it. */
export async function lookAt(plane: ControlPlane, as: string, scene: Scene): Promise<string> {
  const paths = [
    `/projects/${scene.projectId}?include_permissions=true`,
    `/projects/${scene.projectId}/containers?include_proxy_domains=true&include_proxy_permissions=true`,
    `/containers/${scene.containerId}/status-logs`,
    `/auth/tokens/${scene.tokenId}`,
  ];
  const seen: string[] = [];
  for (const path of paths)
    seen.push((await plane.call(as, { method: "GET", path, realm: null })).text);
  return seen.join("\n");
}

// Two users in a control plane of their own, with tokens, projects and containers as tests want them.
import { toJsonString } from "@bufbuild/protobuf";
import type { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { TokenPermissionsSchema } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { allPermissions, permissionTree } from "../../src/admin/auth/permissions.ts";
import { hashSecret, newSecret } from "../../src/admin/auth/token-secret.ts";
import type { Enforced } from "../../src/admin/store/node-records.ts";
import { ControlPlane } from "./control-plane.ts";
import { scopeOf } from "./stage.ts";
import { plainToken } from "./token-bench.ts";

/** An answer with its envelope read. */
export interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  readonly body: any;
  /** The body as it came. */
  readonly text: string;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly realm?: string;
  /** `Authorization`; that of ada's session when unset. */
  readonly as?: string;
  readonly ifMatch?: string;
}

export interface TokenOptions {
  /** Every leaf when unset. */
  readonly leaves?: readonly string[];
  readonly realmIds?: readonly string[];
}

let drawn = 0;

export class Tenants implements AsyncDisposable {
  readonly plane = new ControlPlane();
  /** Sessions. Ada is an operator. */
  ada = "";
  bob = "";
  bobId = "";

  static async open(): Promise<Tenants> {
    const tenants = new Tenants();
    const { store } = tenants.plane;
    await store.registerServer("local");
    await store.createFirstUser({ username: "ada", passwordHash: "" });
    await store.createUser({ username: "bob", email: "bob@example.com", passwordHash: "" });
    tenants.ada = await tenants.plane.session("ada");
    tenants.bob = await tenants.plane.session("bob");
    tenants.bobId = await tenants.idOf("bob");
    return tenants;
  }

  async idOf(username: string): Promise<string> {
    const user = await this.plane.store.userForLogin({ username });
    if (user === null) throw new Error(`no user ${username}`);
    return user.id;
  }

  async send(method: string, path: string, options: SendOptions = {}): Promise<Told> {
    const { as = this.ada, ...rest } = options;
    const request = { method, path, realm: null, ...rest };
    const { status, text } = await this.plane.call(as, request);
    return { status, text, body: JSON.parse(text) };
  }

  /** A call that has to succeed; its `data`. */
  async data(method: string, path: string, options: SendOptions = {}): Promise<Told["body"]> {
    const { status, text, body } = await this.send(method, path, options);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return body.data;
  }

  /** A new token's `Authorization`. */
  async token(username: string, { leaves, realmIds = [] }: TokenOptions = {}): Promise<string> {
    const secret = newSecret();
    const userId = await this.idOf(username);
    const scope = { userId, realms: [], madeFrom: null, confinedTo: null };
    const tree = permissionTree(leaves === undefined ? allPermissions : new Set(leaves));
    const made = await this.plane.store.createToken(scope, {
      ...plainToken,
      secretHash: hashSecret(secret),
      alias: `token ${++drawn}`,
      permissions: toJsonString(TokenPermissionsSchema, tree),
      realmIds,
      allowNoRealm: realmIds.length === 0,
    });
    if (typeof made === "string") throw new Error(made);
    return `Bearer ${secret}`;
  }

  /** A new project, of ada's when nobody else is named; its id. */
  async project(realmIds: readonly string[] = [], as = this.ada): Promise<string> {
    const body = { alias: `project-${++drawn}`, realm_ids: realmIds };
    return (await this.data("POST", "/projects", { body, as })).id;
  }

  /** A new container; its id. */
  async container(projectId: string, fields: object = {}, as = this.ada): Promise<string> {
    const body = { name: `box-${++drawn}`, ...fields };
    return (await this.data("POST", `/projects/${projectId}/containers`, { body, as })).id;
  }

  /** Makes bob a member of a project of ada's. */
  async join(projectId: string, level: ProjectLevel): Promise<void> {
    const owner = scopeOf(await this.idOf("ada"));
    const member = await this.plane.store.addMember(owner, projectId, {
      userId: this.bobId,
      level,
    });
    if (member === null || typeof member === "string") throw new Error(String(member));
  }

  /** A node for a server. Answers how to hear a process of it, at the time at which the server was made. */
  async proxyNode(server: string) {
    const { store } = this.plane;
    const servers = [server];
    const fields = {
      name: "edge",
      role: "proxy",
      servers,
      tokenHash: Buffer.alloc(32, 1),
    } as const;
    const node = await store.createNode(fields);
    if (node === "duplicate") throw new Error("the name is taken");
    const made = (await store.servers()).find(({ name }) => name === server);
    if (made === undefined) throw new Error("there is no server");
    return (process: string, enforced: Enforced) =>
      store.noteProcesses([
        {
          ...{ nodeId: node.id, boot: "boot", version: "1.2.3", servers, process, ...enforced },
          ...{ heardAt: made.createdAt, listeners: [], programPorts: {}, leaseMs: null },
          ...{ addresses: [], containerNetworks: [] },
        },
      ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.plane[Symbol.asyncDispose]();
  }
}

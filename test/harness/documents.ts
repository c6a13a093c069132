// A store with one project and one container, and calls on their documents as dispatch makes them. For tests.
import { randomBytes } from "node:crypto";
import { create, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ApiError } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { CallBudgets } from "../../src/admin/api/call-budget.ts";
import type { Context, Implementation } from "../../src/admin/api/dispatch.ts";
import { checkRules } from "../../src/admin/api/field-rules.ts";
import { discoveryService } from "../../src/admin/documents/discovery-service.ts";
import { hookService } from "../../src/admin/documents/hook-service.ts";
import { acceptDocument } from "../../src/admin/documents/permission-document.ts";
import { permissionServices } from "../../src/admin/documents/permission-service.ts";
import { settingsService } from "../../src/admin/documents/settings-service.ts";
import type { DocumentKey, DocumentState, Scope } from "../../src/admin/store/records.ts";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { RecentPolicies } from "../../src/policy/recent-policies.ts";

/** A realm that the container of every place is in, and its project is not. */
export const realm = "a".repeat(24);

export interface Place {
  readonly store: Store;
  readonly scope: Scope;
  /** Of a caller on the realm's host: it sees the container and not its project. */
  readonly realmScope: Scope;
  readonly project: DocumentKey;
  readonly container: DocumentKey;
}

export async function openPlace(): Promise<Place> {
  const box = new SecretBox(randomBytes(32), "documents");
  const store = openSqliteStore({ path: ":memory:", box, now: Date.now });
  await store.createFirstUser({ username: "ada", passwordHash: "" });
  const userId = (await store.userForLogin({ username: "ada" }))?.id ?? "";
  const level = ProjectLevel.EDIT;
  const scope: Scope = { userId, realmId: null, realms: [], confinedTo: null, level };
  const serverId = (await store.registerServer("local")).id;
  const color = "#000";
  const project = { alias: "p", color, maxContainers: null, realmIds: [] };
  const made = await store.createProject(scope, project);
  if (made === "duplicate") throw new Error(made);
  const projectId = made.project.id;
  const box1 = { name: "box", color, comment: null, address: null, programs: {} };
  const held = await store.createContainer(scope, {
    ...box1,
    projectId,
    serverId,
    realmIds: [realm],
  });
  if (typeof held === "string") throw new Error(held);
  return {
    store,
    scope,
    realmScope: { ...scope, realmId: realm, realms: [realm], confinedTo: [realm] },
    project: { kind: "project", id: projectId },
    container: { kind: "container", id: held.container.id },
  };
}

/** A call with this If-Match: `file:v<N>` for a number. */
export function contextOf(scope: Scope, version: number | null): Context {
  const user = {
    id: scope.userId,
    username: "ada",
    email: null,
    passwordHash: "",
    isAdmin: true,
    isBanned: false,
    sessionGeneration: 0,
    alias: null,
    publicKey: null,
    metadata: "{}",
    createdAt: "",
    updatedAt: "",
  };
  return {
    work: new CallBudgets(() => 0).begin(user.id),
    caller: { user, token: null },
    scope,
    level: ProjectLevel.DELETE,
    ifMatch: version === null ? null : `file:v${version}`,
    clientAddress: "127.0.0.1",
    credential: null,
  };
}

export interface CallOptions {
  /** The version that the caller saw; null: it does not say; the present one when unset. */
  readonly version?: number | null;
  /** That of the unconfined owner when unset. */
  readonly scope?: Scope;
  /** What the services are given instead of the place's store. */
  readonly store?: Store;
  readonly recentPolicies?: RecentPolicies | null;
}

/**
 * Calls a method of a document's services: `ContainerHooksService.CreateHook`, with the request as JSON; the answer as JSON.
 * The id is the container's, or the project's for ProjectPermissionsService. Throws ApiError.
 */
export async function call(
  place: Place,
  name: string,
  request: JsonObject = {},
  { version, scope = place.scope, store = place.store, recentPolicies = null }: CallOptions = {},
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
): Promise<any> {
  const [, serviceName, methodName] = /^(\w+)\.(\w+)$/.exec(name) ?? [];
  const key = serviceName?.startsWith("Project") ? place.project : place.container;
  const { service, methods } = implementationOf(store, serviceName, recentPolicies);
  const method = service.methods.find((each) => each.name === methodName);
  const handler = methods[method?.localName ?? ""];
  if (method === undefined || handler === undefined) throw new Error(`no method ${name}`);
  const message = fromJson(method.input, { id: key.id, ...request });
  checkRules(method.input, message);
  const seen = version === undefined ? (await stateOf(place, key)).version : version;
  const outcome = await handler(message, contextOf(scope, seen));
  const answer = create(method.output, outcome.message);
  return toJson(method.output, answer, { useProtoFieldName: true, alwaysEmitImplicit: true });
}

function implementationOf(
  store: Store,
  name: string | undefined,
  recentPolicies: RecentPolicies | null,
): Implementation {
  const found = [
    ...permissionServices(store, Date.now, recentPolicies),
    hookService(store, Date.now),
    settingsService(store, recentPolicies),
    discoveryService(store),
  ].find(({ service }) => service.name === name);
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

export async function stateOf({ store, scope }: Place, key: DocumentKey): Promise<DocumentState> {
  const view = await store.document(scope, key);
  if (view === null) throw new Error(`no ${key.kind}`);
  return view.state;
}

/** Stores a document as the next version; its hooks stay. */
export async function putDocument(place: Place, key: DocumentKey, json: JsonValue): Promise<void> {
  const { version: expected, enableProxy, hooks } = await stateOf(place, key);
  const { document } = acceptDocument(fromJson(PermissionDocumentSchema, json));
  const write = { expected, projectVersion: null, enableProxy, body: document.text, hooks };
  const written = await place.store.putDocument(place.scope, key, write);
  if (written === null || typeof written === "string") throw new Error(`${written}`);
}

/** How a call that has to be refused was: its status, and where something is wrong. */
export async function refusalFrom(
  call: Promise<unknown>,
): Promise<{ status: number; code: string; at: string[] }> {
  const refused = await call.then(
    () => null,
    (error) => error,
  );
  if (!(refused instanceof ApiError)) throw refused ?? new Error("it was not refused");
  const { http, code } = refusalOf(refused.code);
  return {
    status: http,
    code,
    at: refused.violations.map(({ instancePath }) => instancePath),
  };
}

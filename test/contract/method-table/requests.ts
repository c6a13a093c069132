// A valid request of every method, as REST spells messages; the table test fails when a method is missing here.
import type { JsonObject } from "@bufbuild/protobuf";
import type { Scene } from "./scene.ts";

type Request = (scene: Scene) => JsonObject;

const none: Request = () => ({});
const ofProject: Request = ({ projectId }) => ({ id: projectId });
const ofContainer: Request = ({ containerId }) => ({ id: containerId });
const ofToken: Request = ({ tokenId }) => ({ id: tokenId });
const ofAlias: Request = ({ aliasId }) => ({ id: aliasId });
const ofMembers: Request = ({ projectId }) => ({ project_id: projectId });
const ofMember: Request = ({ projectId, memberId }) => ({ project_id: projectId, id: memberId });
const ofService: Request = ({ containerId }) => ({ id: containerId, service: "terminal" });
const ofHook: Request = (scene) => ({ ...ofService(scene), hook_id: scene.hookId });
const hook = { match: { path: "/x/*" }, script: { path: "/b.ts" } };

/** The permission methods, which projects and containers have alike. */
function documentMethods(service: string, of: Request): Record<string, Request> {
  const named =
    (name: string, more: JsonObject): Request =>
    (scene) => ({
      ...of(scene),
      name,
      ...more,
    });
  const methods: Record<string, Request> = {
    GetPermissions: of,
    ReplacePermissions: (scene) => ({ ...of(scene), document: { default: "allow" } }),
    DeletePermissions: of,
    SetDefault: (scene) => ({ ...of(scene), default: "allow" }),
    SetState: (scene) => ({ ...of(scene), enable_proxy: false }),
    SetIpGroup: named("new", { group: { range: "192.0.2.0/24" } }),
    SetJwtGroup: named("new", {
      group: { secret: "s", algorithm: "HS256", sources: ["header:X"] },
    }),
    SetPasswordGroup: named("new", { group: { username: "u", password: "p", salt: "s" } }),
    SetTokenGroup: named("new", { group: { value: "v", header: "X" } }),
    DeleteGroup: named("home", {}),
    SetPermission: named("office", { program: "display", access: [1, 2] }),
    ClearPermissions: named("office", {}),
    DeletePermission: named("office", { program: "terminal" }),
  };
  return Object.fromEntries(
    Object.entries(methods).map(([name, request]) => [`${service}.${name}`, request]),
  );
}

/** By service and method, without the package. */
export const requests: Readonly<Record<string, Request>> = {
  "UserService.Signup": ({ n }) => ({ email: `u${n}@example.com`, password: "Correct horse 1" }),
  "UserService.Login": () => ({ username: "owner", password: "a password" }),
  "UserService.Logout": none,
  "UserService.GetMe": none,
  "UserService.GetUser": ({ ownerId }) => ({ id: ownerId }),
  "UserService.UpdateUser": ({ ownerId }) => ({ id: ownerId, metadata: { theme: "dark" } }),
  "NodeService.ListNodes": none,
  "NodeService.CreateNode": ({ n }) => ({ name: `node-${n}`, servers: ["local"] }),
  "NodeService.DeleteNode": ({ nodeId }) => ({ id: nodeId }),
  "EnforcementService.GetEnforcement": none,
  "UserService.ListUsers": () => ({ limit: 1 }),
  "UserService.CreateUser": ({ n }) => ({
    username: `made-${n}`,
    email: `made-${n}@example.com`,
    password: "Correct horse 1",
  }),
  "UserService.DeleteUser": ({ guestId }) => ({ id: guestId }),
  "EventService.ListEvents": () => ({ limit: 1, kind: "none.such" }),
  "EventService.GetEventStats": () => ({ kind: "none.such" }),
  "EventService.ListActivity": () => ({ limit: 1, kind: "none.such" }),
  "EventService.GetActivityStats": () => ({ kind: "none.such" }),
  "TokenService.ListTokens": none,
  "TokenService.CreateToken": ({ n }) => ({ alias: `made ${n}`, permission_template: "read_only" }),
  "TokenService.CopyToken": ({ tokenId, n }) => ({ id: tokenId, alias: `copied ${n}` }),
  "TokenService.ListTemplates": none,
  "TokenService.GetCurrentToken": none,
  "TokenService.UpdatePublicProfile": ({ publicKey }) => ({ public_key: publicKey }),
  "TokenService.GetPublicProfile": ({ publicKey }) => ({ public_key: publicKey }),
  "TokenService.GetToken": ofToken,
  "TokenService.UpdateToken": ({ tokenId }) => ({ id: tokenId, is_enabled: false }),
  "TokenService.DeleteToken": ofToken,
  "TokenService.AddTokenRealm": ({ tokenId }) => ({ id: tokenId, realm_id: "c".repeat(24) }),
  "TokenService.RemoveTokenRealm": ({ tokenId }) => ({ id: tokenId, realm_id: "c".repeat(24) }),
  "RealmService.ListRealms": () => ({ include_usage: true }),
  "RealmService.CreateRealm": ({ n }) => ({ name: `made-${n}` }),
  "RealmService.DeleteRealm": ({ namedRealmId }) => ({ id: namedRealmId }),
  "ServerService.ListServers": none,
  "ProjectService.ListProjects": () => ({ limit: 1 }),
  "ProjectService.CreateProject": ({ n }) => ({ alias: `made-${n}`, color: "#ABCDEF" }),
  "ProjectService.GetProject": ofProject,
  "ProjectService.UpdateProject": ({ projectId, n }) => ({ id: projectId, alias: `other-${n}` }),
  "ProjectService.DeleteProject": ofProject,
  "ProjectService.GetProjectStats": ofProject,
  "ProjectMemberService.ListMembers": ofMembers,
  "ProjectMemberService.AddMember": ({ projectId, guestId }) => ({
    project_id: projectId,
    user_id: guestId,
    permission_level: "read",
  }),
  "ProjectMemberService.UpdateMember": (scene) => ({
    ...ofMember(scene),
    permission_level: "edit",
  }),
  "ProjectMemberService.RemoveMember": ofMember,
  "ContainerService.ListContainers": ({ projectId }) => ({ project_id: projectId }),
  "ContainerService.CreateContainer": ({ projectId, n }) => ({
    project_id: projectId,
    name: `made-${n}`,
    color: "#ABCDEF",
  }),
  "ContainerService.GetContainer": ofContainer,
  "ContainerService.UpdateContainer": ({ containerId, n }) => ({
    id: containerId,
    name: `new-${n}`,
  }),
  "ContainerService.DeleteContainer": ofContainer,
  "ContainerService.SetUpstream": ({ containerId }) => ({ id: containerId, address: "10.0.0.2" }),
  "ContainerService.StartContainer": ofContainer,
  "ContainerService.ResumeContainer": ofContainer,
  "ContainerService.StopContainer": ofContainer,
  "ContainerService.ForceStopContainer": ofContainer,
  "ContainerService.RestartContainer": ofContainer,
  "ContainerService.PauseContainer": ofContainer,
  "ContainerService.ListStatusLogs": ofContainer,
  "ContainerSettingsService.GetSettings": ofContainer,
  "ContainerSettingsService.UpdateSettings": ({ containerId }) => ({
    id: containerId,
    default: "allow",
  }),
  "ContainerDiscoveryService.ListGroups": ofContainer,
  "ContainerDiscoveryService.ListServices": ofContainer,
  "ContainerDiscoveryService.GetService": ofService,
  "ContainerAccessService.Explain": ({ containerId }) => ({
    id: containerId,
    program: "terminal",
    ip: "203.0.113.7",
    headers: [{ name: "Accept", value: "*/*" }],
    path_and_query: "/?a=b",
    time: "2026-01-01T00:00:00Z",
  }),
  "ContainerAccessService.GetAccess": ofContainer,
  "ContainerLogService.ListLogs": ofContainer,
  "ContainerLogService.GetLogStats": ofContainer,
  "ContainerConnectionService.ListConnections": ofContainer,
  "ContainerConnectionService.EndConnection": ({ containerId }) => ({
    id: containerId,
    connection_id: "b".repeat(24),
  }),
  "ContainerConnectionService.EndConnections": ({ containerId }) => ({
    id: containerId,
    group: "office",
  }),
  "ContainerHooksService.ListHooks": ofContainer,
  "ContainerHooksService.ListServiceHooks": ofService,
  "ContainerHooksService.CreateHook": (scene) => ({ ...ofService(scene), ...hook }),
  "ContainerHooksService.ClearHooks": ofService,
  "ContainerHooksService.GetHook": ofHook,
  "ContainerHooksService.ReplaceHook": (scene) => ({ ...ofHook(scene), ...hook }),
  "ContainerHooksService.DeleteHook": ofHook,
  "ContainerHooksService.MoveHook": (scene) => ({ ...ofHook(scene), position: 0 }),
  "AliasService.ListAliases": ({ containerId }) => ({ container_id: containerId }),
  "AliasService.CreateAlias": ({ containerId, n }) => ({
    container_id: containerId,
    alias: `made-${n}`,
    program: "http-3000",
  }),
  "AliasService.GetAlias": ofAlias,
  "AliasService.UpdateAlias": ({ aliasId }) => ({ id: aliasId, target_path: "/docs" }),
  "AliasService.SetAliasState": ({ aliasId }) => ({ id: aliasId, enabled: false }),
  "AliasService.DeleteAlias": ofAlias,
  ...documentMethods("ProjectPermissionsService", ofProject),
  ...documentMethods("ContainerPermissionsService", ofContainer),
};

/** What has to be done to the scene's container first: an operation. */
export const before: Readonly<Record<string, string>> = {
  "ContainerService.StartContainer": "stop",
  "ContainerService.ResumeContainer": "pause",
};

/** Methods that no scene has a request for. Refresh needs a refresh token: test/e2e/users.test.ts; events: audit.test.ts. */
export const elsewhere: ReadonlySet<string> = new Set([
  "UserService.Refresh",
  "EventService.GetEvent",
  "EventService.DeleteEvent",
  "EventService.DeleteEvents",
  "EventService.CleanUpEvents",
]);

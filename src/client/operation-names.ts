// Names of services and methods in the client. Those of the Hoody client stay as they are; the rest follows its pattern: `list`,
// `get`, `create`, `update` (the fields sent), `replace` (the whole), `delete`; `set…`/`remove…` for a part of a document.

interface ServiceNames {
  readonly group: string;
  /** By rpc; a list when one rpc has several paths; with a dot: a group of its own. Any other rpc keeps its own name. */
  readonly methods: Readonly<Record<string, string | readonly string[]>>;
}

const permissions = {
  GetPermissions: "get",
  ReplacePermissions: "replace",
  DeletePermissions: "delete",
  SetDefault: "updateDefault",
  SetState: "updateState",
  DeleteGroup: "removeAuthGroup",
  SetPermission: "setGroup",
  ClearPermissions: "removeGroup",
  DeletePermission: "removeProgram",
};

const services: ReadonlyMap<string, ServiceNames> = new Map([
  [
    "ProjectService",
    {
      group: "projects",
      methods: {
        ListProjects: "list",
        CreateProject: "create",
        GetProject: "get",
        UpdateProject: "update",
        DeleteProject: "delete",
        GetProjectStats: "getStats",
      },
    },
  ],
  [
    "ProjectMemberService",
    {
      group: "members",
      methods: {
        ListMembers: "list",
        AddMember: "create",
        UpdateMember: "update",
        RemoveMember: "delete",
      },
    },
  ],
  [
    "ContainerService",
    {
      group: "containers",
      methods: {
        ListContainers: ["list", "listByProject"],
        CreateContainer: "create",
        GetContainer: "get",
        UpdateContainer: "update",
        DeleteContainer: "delete",
        SetUpstream: "updateUpstream",
        StartContainer: "start",
        StopContainer: "stop",
        ForceStopContainer: "forceStop",
        RestartContainer: "restart",
        PauseContainer: "pause",
        ResumeContainer: "resume",
      },
    },
  ],
  ["ProjectPermissionsService", { group: "proxyPermissionsProject", methods: permissions }],
  ["ContainerPermissionsService", { group: "proxyPermissionsContainer", methods: permissions }],
  [
    "ContainerSettingsService",
    { group: "proxySettings", methods: { GetSettings: "get", UpdateSettings: "update" } },
  ],
  ["ContainerDiscoveryService", { group: "proxyDiscovery", methods: {} }],
  [
    "ContainerLogService",
    { group: "proxyLogs", methods: { ListLogs: "list", GetLogStats: "getStats" } },
  ],
  [
    "ContainerConnectionService",
    {
      group: "proxyConnections",
      methods: {
        ListConnections: "list",
        EndConnection: "delete",
        EndConnections: "deleteByGroup",
      },
    },
  ],
  ["ContainerAccessService", { group: "proxyAccess", methods: { GetAccess: "get" } }],
  [
    "ContainerHooksService",
    {
      group: "proxyHooks",
      methods: {
        ListHooks: "list",
        ListServiceHooks: "listService",
        CreateHook: "create",
        ClearHooks: "clearService",
        GetHook: "get",
        ReplaceHook: "replace",
        DeleteHook: "delete",
        MoveHook: "move",
      },
    },
  ],
  [
    "AliasService",
    {
      group: "proxyAliases",
      methods: {
        ListAliases: "list",
        CreateAlias: "create",
        GetAlias: "get",
        UpdateAlias: "update",
        SetAliasState: "updateState",
        DeleteAlias: "delete",
      },
    },
  ],
  [
    "TokenService",
    {
      group: "authTokens",
      methods: {
        ListTokens: "list",
        CreateToken: "create",
        CopyToken: "copy",
        GetCurrentToken: "getCurrent",
        GetToken: "get",
        UpdateToken: "update",
        DeleteToken: "delete",
        AddTokenRealm: "addRealm",
        RemoveTokenRealm: "removeRealm",
      },
    },
  ],
  [
    "UserService",
    {
      group: "users",
      methods: {
        GetMe: "getCurrent",
        GetUser: "get",
        UpdateUser: "update",
        ListUsers: "list",
        CreateUser: "create",
        DeleteUser: "delete",
      },
    },
  ],
  [
    "EventService",
    {
      group: "events",
      methods: {
        ListEvents: "list",
        GetEvent: "get",
        GetEventStats: "getStats",
        DeleteEvent: "delete",
        DeleteEvents: "clear",
        CleanUpEvents: "purge",
        ListActivity: "activity.list",
        GetActivityStats: "activity.getStats",
      },
    },
  ],
  [
    "RealmService",
    {
      group: "realms",
      methods: { ListRealms: "list", CreateRealm: "create", DeleteRealm: "delete" },
    },
  ],
  ["ServerService", { group: "servers", methods: { ListServers: "list" } }],
  [
    "NodeService",
    { group: "nodes", methods: { ListNodes: "list", CreateNode: "create", DeleteNode: "delete" } },
  ],
  ["EnforcementService", { group: "enforcement", methods: { GetEnforcement: "get" } }],
]);

export interface OperationName {
  readonly group: string;
  readonly method: string;
}

/** `path`: index of the path among those of the rpc. Null: the rpc has more paths than names. */
export function operationName(service: string, rpc: string, path: number): OperationName | null {
  const names = services.get(service);
  const group = names?.group ?? lowerFirst(service.replace(/Service$/, ""));
  const given = names !== undefined && Object.hasOwn(names.methods, rpc) ? names.methods[rpc] : rpc;
  const spelled = typeof given === "string" ? [given] : (given ?? []);
  const method = spelled[path];
  if (method === undefined) return null;
  const dot = method.indexOf(".");
  return dot < 0
    ? { group, method: lowerFirst(method) }
    : { group: method.slice(0, dot), method: method.slice(dot + 1) };
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

// Wires the services that the REST and gRPC listeners serve.
import type { RecentPolicies } from "../policy/recent-policies.ts";
import { type AliasServiceParts, aliasService } from "./aliases/alias-service.ts";
import type { Implementation } from "./api/dispatch.ts";
import type { RevisionTokens } from "./api/revision.ts";
import { type AccessServiceParts, accessService } from "./containers/access-service.ts";
import { type ConnectionPort, connectionService } from "./containers/connection-service.ts";
import { type ContainerServiceParts, containerService } from "./containers/container-service.ts";
import { logService } from "./containers/log-service.ts";
import { type ServerServiceParts, serverService } from "./containers/server-service.ts";
import type { PortOf } from "./containers/traffic-port.ts";
import { discoveryService } from "./documents/discovery-service.ts";
import { hookService } from "./documents/hook-service.ts";
import { permissionServices } from "./documents/permission-service.ts";
import { settingsService } from "./documents/settings-service.ts";
import { type EventServiceParts, eventService } from "./events/event-service.ts";
import { type EnforcementServiceParts, enforcementService } from "./nodes/enforcement-service.ts";
import { type NodeServiceParts, nodeService } from "./nodes/node-service.ts";
import { type MemberServiceParts, memberService } from "./projects/member-service.ts";
import { type ProjectServiceParts, projectService } from "./projects/project-service.ts";
import { realmService } from "./projects/realm-service.ts";
import { type TokenServiceParts, tokenService } from "./tokens/token-service.ts";
import { type UserServiceParts, userService } from "./users/user-service.ts";

/** The parts of all services; each service documents its own. */
interface ServiceParts
  extends UserServiceParts,
    TokenServiceParts,
    ServerServiceParts,
    ProjectServiceParts,
    MemberServiceParts,
    ContainerServiceParts,
    AliasServiceParts,
    EventServiceParts,
    NodeServiceParts,
    EnforcementServiceParts,
    AccessServiceParts {
  readonly revisions: RevisionTokens;
  /** Hands compiled documents to a proxy of the same process; null or unset: there is none. */
  readonly recentPolicies?: RecentPolicies | null;
  /** The clock by which processes of nodes are heard, in milliseconds: the database's. Unset: `now`. */
  readonly heardNow?: () => number;
  readonly connections: PortOf<ConnectionPort>;
}

export function services(parts: ServiceParts): Implementation[] {
  const { store, recentPolicies } = parts;
  const heard = { ...parts, now: parts.heardNow ?? parts.now };
  return [
    userService(parts),
    tokenService(parts),
    realmService(store),
    eventService(parts),
    serverService(heard),
    nodeService(heard),
    enforcementService(parts),
    projectService(parts),
    memberService(parts),
    containerService(parts),
    aliasService(parts),
    ...permissionServices(store, parts.now, recentPolicies),
    hookService(store, parts.now),
    discoveryService(store),
    settingsService(store, recentPolicies),
    accessService(parts),
    logService(parts.exchangeLog, store),
    connectionService(parts.connections, store),
  ];
}

// Every service that callers reach, put together: what the REST and gRPC listeners serve.
import type { AddressPolicy } from "../policy/address-policy.ts";
import type { RecentPolicies } from "../policy/recent-policies.ts";
import { aliasService } from "./aliases/alias-service.ts";
import type { Implementation } from "./api/dispatch.ts";
import type { PasswordLogin } from "./auth/password-login.ts";
import type { Sessions } from "./auth/session.ts";
import { accessService, type ExplainPort } from "./containers/access-service.ts";
import { containerService } from "./containers/container-service.ts";
import { serverService } from "./containers/server-service.ts";
import { discoveryService } from "./documents/discovery-service.ts";
import { hookService } from "./documents/hook-service.ts";
import { permissionServices } from "./documents/permission-service.ts";
import { settingsService } from "./documents/settings-service.ts";
import { memberService } from "./projects/member-service.ts";
import { projectService } from "./projects/project-service.ts";
import { realmService } from "./projects/realm-service.ts";
import type { Store } from "./store/store.ts";
import { tokenService } from "./tokens/token-service.ts";
import { userService } from "./users/user-service.ts";

export interface ServiceParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly logins: PasswordLogin;
  readonly placement: AddressPolicy;
  readonly explain: ExplainPort;
  /** Hands compiled documents to a proxy of the same process; null or unset: there is none. */
  readonly recentPolicies?: RecentPolicies | null;
  /** The installation's domain; see REALMGATE_DOMAIN. */
  readonly domain: string;
  /** This node's name; see REALMGATE_SERVER_NAME. */
  readonly serverName: string;
  /** Whether strangers may make accounts. */
  readonly signup: boolean;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function services(parts: ServiceParts): Implementation[] {
  const { store, recentPolicies } = parts;
  return [
    userService(parts),
    tokenService(parts),
    realmService(store),
    serverService(parts),
    projectService(store),
    memberService(store),
    containerService(parts),
    aliasService(parts),
    ...permissionServices(store, parts.now, recentPolicies),
    hookService(store, parts.now),
    discoveryService(store),
    settingsService(store, recentPolicies),
    accessService(parts),
  ];
}

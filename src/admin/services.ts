// Every service that callers reach, put together: what the REST and gRPC listeners serve.
import type { Placement } from "../policy/placement.ts";
import { accessService, type ExplainPort } from "./access-service.ts";
import { aliasService } from "./alias-service.ts";
import { containerService } from "./container-service.ts";
import { discoveryService } from "./discovery-service.ts";
import type { Implementation } from "./dispatch.ts";
import { hookService } from "./hook-service.ts";
import { memberService } from "./member-service.ts";
import type { PasswordLogin } from "./password-login.ts";
import { permissionServices } from "./permission-service.ts";
import { projectService } from "./project-service.ts";
import { realmService } from "./realm-service.ts";
import { serverService } from "./server-service.ts";
import type { Sessions } from "./session.ts";
import { settingsService } from "./settings-service.ts";
import type { Store } from "./store/store.ts";
import { tokenService } from "./token-service.ts";
import { userService } from "./user-service.ts";

export interface ServiceParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly logins: PasswordLogin;
  readonly placement: Placement;
  readonly explain: ExplainPort;
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
  const { store } = parts;
  return [
    userService(parts),
    tokenService(parts),
    realmService(store),
    serverService(parts),
    projectService(store),
    memberService(store),
    containerService(parts),
    aliasService(parts),
    ...permissionServices(store, parts.now),
    hookService(store, parts.now),
    discoveryService(store),
    settingsService(store),
    accessService(parts),
  ];
}

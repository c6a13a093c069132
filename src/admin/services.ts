// Every service that callers reach, put together: what the REST and gRPC listeners serve.
import type { Placement } from "../policy/placement.ts";
import { containerService } from "./container-service.ts";
import type { Implementation } from "./dispatch.ts";
import type { PasswordLogin } from "./password-login.ts";
import { permissionServices } from "./permission-service.ts";
import { projectService } from "./project-service.ts";
import type { Sessions } from "./session.ts";
import { settingsService } from "./settings-service.ts";
import type { Store } from "./store/store.ts";
import { userService } from "./user-service.ts";

export interface ServiceParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly logins: PasswordLogin;
  readonly placement: Placement;
  /** The installation's domain; see REALMGATE_DOMAIN. */
  readonly domain: string;
  /** Whether strangers may make accounts. */
  readonly signup: boolean;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function services(parts: ServiceParts): Implementation[] {
  const { store, placement } = parts;
  return [
    userService(parts),
    projectService(store),
    containerService(store, placement),
    ...permissionServices(store),
    settingsService(store),
  ];
}

// The services of the API.
import type { DescService } from "@bufbuild/protobuf";
import { AliasService } from "./gen/realmgate/v1/aliases_pb.ts";
import { ContainerService } from "./gen/realmgate/v1/containers_pb.ts";
import { ContainerDiscoveryService } from "./gen/realmgate/v1/discovery_pb.ts";
import { EnforcementService } from "./gen/realmgate/v1/enforcement_pb.ts";
import { EventService } from "./gen/realmgate/v1/events_pb.ts";
import { ContainerAccessService } from "./gen/realmgate/v1/explain_pb.ts";
import { ContainerHooksService } from "./gen/realmgate/v1/hooks_pb.ts";
import { ProjectMemberService } from "./gen/realmgate/v1/members_pb.ts";
import { NodeService } from "./gen/realmgate/v1/nodes_pb.ts";
import {
  ContainerPermissionsService,
  ProjectPermissionsService,
} from "./gen/realmgate/v1/permissions_pb.ts";
import { ProjectService } from "./gen/realmgate/v1/projects_pb.ts";
import { RealmService } from "./gen/realmgate/v1/realms_pb.ts";
import { ServerService } from "./gen/realmgate/v1/servers_pb.ts";
import { ContainerSettingsService } from "./gen/realmgate/v1/settings_pb.ts";
import { TokenService } from "./gen/realmgate/v1/tokens_pb.ts";
import { ContainerConnectionService, ContainerLogService } from "./gen/realmgate/v1/traffic_pb.ts";
import { UserService } from "./gen/realmgate/v1/users_pb.ts";

/** All services with REST routes. A test compares this with what the server serves. */
export const services: readonly DescService[] = [
  ProjectService,
  ProjectMemberService,
  ContainerService,
  ProjectPermissionsService,
  ContainerPermissionsService,
  ContainerSettingsService,
  ContainerDiscoveryService,
  ContainerHooksService,
  ContainerAccessService,
  ContainerLogService,
  ContainerConnectionService,
  AliasService,
  TokenService,
  UserService,
  EventService,
  RealmService,
  ServerService,
  NodeService,
  EnforcementService,
];

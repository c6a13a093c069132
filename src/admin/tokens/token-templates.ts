// Permission templates: named sets of permissions for new tokens.
import { allPermissions, type PermissionSet } from "../auth/permissions.ts";

interface TokenTemplate {
  readonly name: string;
  /** What it is for. */
  readonly description: string;
  readonly permissions: PermissionSet;
}

/** These permissions and everything below these branches, without operator permissions. */
function permissionsUnder(...branches: readonly string[]): PermissionSet {
  const chosen = [...allPermissions].filter(
    (permission) =>
      !isForOperators(permission) &&
      branches.some((branch) => permission === branch || permission.startsWith(`${branch}.`)),
  );
  return new Set(chosen);
}

/** Whether a permission concerns the installation itself; no template contains one. */
export function isForOperators(permission: string): boolean {
  return permission.startsWith("admin.");
}

const fullAccess = permissionsUnder("containers", "projects", "financial", "resources");

/** Permissions of a token created without template or permissions: everything except creating tokens. */
export const defaultPermissions: PermissionSet = fullAccess.difference(
  permissionsUnder("resources.create_tokens"),
);

const customer = [
  ...["containers.create", "containers.read", "containers.update", "containers.delete"],
  "containers.actions",
  ...["hoody_kit", "snapshots", "networking"].map((feature) => `containers.features.${feature}`),
  "projects.read",
  ...["events", "realms", "ssh_keys", "storage_shares", "proxy_aliases", "firewalls"].map(
    (resource) => `resources.${resource}`,
  ),
  "resources.auth_token_public_profile",
];

/** In documentation order. */
export const tokenTemplates: readonly TokenTemplate[] = [
  {
    name: "full_access",
    description: "Everything including creating tokens, except administration of the installation",
    permissions: fullAccess,
  },
  {
    name: "external_customer",
    description: "Containers in projects made for the customer; no billing, AI or new projects",
    permissions: permissionsUnder(...customer),
  },
  {
    name: "dev_team",
    description: "Containers with every feature, and projects; no billing or members",
    permissions: permissionsUnder(
      ...customer,
      ...["containers.features.ai", "containers.features.kvm"],
      ...["projects.create", "projects.update", "resources.vault"],
    ),
  },
  {
    name: "finance_team",
    description: "Wallet, billing and rentals; sees projects and the account",
    permissions: permissionsUnder("financial", "projects.read", "resources.read_account"),
  },
  {
    name: "read_only",
    description: "Sees containers, their logs, projects, events and realms; changes nothing",
    permissions: permissionsUnder(
      ...["containers.read", "containers.actions.logs", "projects.read"],
      ...["resources.events", "resources.realms"],
    ),
  },
];

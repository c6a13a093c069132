// The named sets of permissions that a token can be made with.
import { allLeaves, type Leaves } from "../auth/permissions.ts";

export interface TokenTemplate {
  readonly name: string;
  /** What it is for. */
  readonly description: string;
  readonly leaves: Leaves;
}

/** Everything under these branches, and these leaves; but nothing for operators. */
function leavesUnder(...branches: readonly string[]): Leaves {
  const chosen = [...allLeaves].filter(
    (leaf) =>
      !isForOperators(leaf) &&
      branches.some((branch) => leaf === branch || leaf.startsWith(`${branch}.`)),
  );
  return new Set(chosen);
}

/** Whether a leaf is about the installation: no template has it. */
export function isForOperators(leaf: string): boolean {
  return leaf.startsWith("admin.");
}

const fullAccess = leavesUnder("containers", "projects", "financial", "resources");

/** What a token may do that is made with neither template nor permissions: everything but to make more tokens. */
export const defaultLeaves: Leaves = fullAccess.difference(leavesUnder("resources.create_tokens"));

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

/** In the order of the documentation. */
export const tokenTemplates: readonly TokenTemplate[] = [
  {
    name: "full_access",
    description: "Everything, to make other tokens too; nothing of the installation itself",
    leaves: fullAccess,
  },
  {
    name: "external_customer",
    description: "Containers in projects made for the customer; no billing, AI or new projects",
    leaves: leavesUnder(...customer),
  },
  {
    name: "dev_team",
    description: "Containers with every feature, and projects; no billing or members",
    leaves: leavesUnder(
      ...customer,
      ...["containers.features.ai", "containers.features.kvm"],
      ...["projects.create", "projects.update", "resources.vault"],
    ),
  },
  {
    name: "finance_team",
    description: "Wallet, billing and rentals; sees projects and the account",
    leaves: leavesUnder("financial", "projects.read", "resources.read_account"),
  },
  {
    name: "read_only",
    description: "Sees containers, their logs, projects, events and realms; changes nothing",
    leaves: leavesUnder(
      ...["containers.read", "containers.actions.logs", "projects.read"],
      ...["resources.events", "resources.realms"],
    ),
  },
];

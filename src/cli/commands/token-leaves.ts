// Permissions of auth tokens: the leaves of the permission tree, dotted. A test compares them with the server's.
export const tokenLeaves = [
  ...below("containers", "create", "read", "update", "delete"),
  ...below("containers.actions", "start", "stop", "restart", "exec", "logs"),
  ...below("containers.features", "ai", "hoody_kit", "snapshots", "networking", "kvm"),
  ...below("projects", "create", "read", "update", "delete"),
  ...below("projects.members", "invite", "remove", "change_roles"),
  ...below("financial.wallet", "read", "transfer", "withdraw"),
  ...below("financial.billing", "read", "manage_payment_methods", "download_invoices"),
  ...below(
    "financial.server_rental",
    "view_marketplace",
    "rent_servers",
    "extend_rentals",
    "terminate_rentals",
  ),
  ...below("financial.subscriptions", "purchase"),
  ...below("resources", "vault", "events", "ssh_keys", "storage_shares", "proxy_aliases"),
  ...below("resources", "firewalls", "realms", "auth_token_public_profile", "create_tokens"),
  ...below("resources", "read_account"),
  ...below("admin", "users", "servers", "system", "billing", "monitoring"),
] as const;

function below(branch: string, ...leaves: readonly string[]): readonly string[] {
  return leaves.map((leaf) => `${branch}.${leaf}`);
}

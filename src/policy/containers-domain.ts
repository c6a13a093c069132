// The domain under which the containers of a server are reached.

/** `containers.<domain>`, the parent of all servers' domains; in lower case. */
export function containersParent(domain: string): string {
  return `containers.${domain}`.toLowerCase();
}

/** `<server>.containers.<domain>`: one label in front of it names a container's program or an alias; in lower case. */
export function containersDomain(serverName: string, domain: string): string {
  return `${serverName}.${containersParent(domain)}`.toLowerCase();
}

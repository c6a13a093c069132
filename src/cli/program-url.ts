// Where a program of a container is on the data plane: `https://P-C-program-1.<domain of its server>`.
import { fieldAt } from "./output/cell.ts";

/**
 * `program`: as the host spells it, `curl-1`. The scheme is the API's; the domain is what its server says. Null:
 * the container or its server is not what answers look like.
 */
export function programUrl(
  container: unknown,
  servers: unknown,
  program: string,
  api: URL,
): string | null {
  const [id, project, server] = ["id", "project_id", "server_name"].map((field) =>
    fieldAt(container, field),
  );
  const nodes = fieldAt(servers, "servers");
  const node = Array.isArray(nodes) ? nodes.find((each) => fieldAt(each, "name") === server) : null;
  const domain = fieldAt(node, "domain");
  if (![id, project, server, domain].every((part) => typeof part === "string")) return null;
  return `${api.protocol}//${project}-${id}-${program}.${domain}`;
}

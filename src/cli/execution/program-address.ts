// URL of a container's program.
import { type ContainerPlace, containersUrlOf, programUrl } from "../../client/containers-url.ts";
import { fieldAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import type { CommandContext } from "./context.ts";

/** Fetches the container and its server. Warns when the gate's port cannot be derived from the API's address. */
export async function programAddress(
  context: CommandContext,
  id: string,
  program: string,
  instance: number | undefined,
): Promise<string> {
  const [container, servers] = [
    await context.request({ method: "GET", path: `/api/v1/containers/${encodeURIComponent(id)}` }),
    await context.request({ method: "GET", path: "/api/v1/servers" }),
  ];
  const place = placeOf(container.data);
  const { baseUrl, containersUrl } = context.settings;
  if (containersUrl === undefined && containersUrlOf(baseUrl) === null) {
    context.warn(
      "cannot derive the gate's address from the API's; set it: " +
        "realmgate config set containersUrl http://containers.localhost:8000",
    );
  }
  try {
    const root = containersUrl ?? containersUrlFrom(baseUrl, place, servers.data);
    return programUrl(root, place, program, instance);
  } catch (error) {
    if (error instanceof TypeError) throw new CommandFailure(exitCode.usage, error.message);
    throw error;
  }
}

/** Takes the domain from the server, scheme and port from the API's address. */
function containersUrlFrom(api: URL, { server }: ContainerPlace, servers: unknown): string {
  const nodes = fieldAt(servers, "servers");
  const node = Array.isArray(nodes) ? nodes.find((each) => fieldAt(each, "name") === server) : null;
  const domain = fieldAt(node, "domain");
  const suggested = containersUrlOf(api);
  if (typeof domain !== "string" || !domain.startsWith(`${server}.`)) {
    return suggested ?? `${api.protocol}//containers.${api.hostname}`;
  }
  const port = suggested === null ? "" : new URL(suggested).port;
  return `${api.protocol}//${domain.slice(server.length + 1)}${port === "" ? "" : `:${port}`}`;
}

function placeOf(container: unknown): ContainerPlace {
  const [id, project_id, server] = ["id", "project_id", "server_name"].map((field) =>
    String(fieldAt(container, field)),
  );
  return { id: id ?? "", project_id: project_id ?? "", server: server ?? "" };
}

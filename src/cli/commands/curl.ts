// A whole request as one link, for where no headers can be sent: the container's curl program makes it (contract L).
import { containersUrlOf, type Place, programUrl } from "../../client/containers-url.ts";
import type { Command } from "../command.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { fieldAt } from "../output/cell.ts";
import { safeText } from "../output/safe-text.ts";

export const curlCommands: readonly Command[] = [
  {
    words: "curl get-url",
    about: "print a link that makes a request; who has the link makes it",
    example:
      "curl get-url --container 890abcdef12345678901cdef --url https://…-exec-1.…/api/deploy --method POST --auth -",
    flags: {
      url: { kind: "text", about: "what is requested", required: true },
      method: { kind: "text", about: "how; GET when it is not there", placeholder: "method" },
      auth: {
        kind: "text",
        about: "value of Authorization: Bearer …; -: from standard input. It is in the link!",
        secret: true,
      },
      body: { kind: "text", about: "what is sent, JSON as a rule" },
      "containers-url": {
        kind: "text",
        about: "where containers are reached, when it is not where the API's address suggests",
        placeholder: "url",
        goesTo: "here",
      },
      instance: { kind: "integer", about: "which curl program; 1 when it is not there" },
    },
    run: async (context, { flags }) => {
      const id = context.settings.container;
      if (id === undefined) {
        throw new CommandFailure(exitCode.usage, "which container? name it with --container ID");
      }
      const { data } = await context.request({
        method: "GET",
        path: `/api/v1/containers/${encodeURIComponent(id)}`,
      });
      const servers = await context.request({ method: "GET", path: "/api/v1/servers" });
      const root =
        (flags.get("containers-url") as string | undefined) ??
        containersUrl(context.settings.baseUrl, data, servers.data);
      const instance = Number(flags.get("instance") ?? 1);
      let base: string;
      try {
        base = programUrl(root, placeOf(data), "curl", instance);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        throw new CommandFailure(exitCode.usage, error.message);
      }
      const query = new URLSearchParams();
      for (const name of ["url", "method", "auth", "body"]) {
        const value = flags.get(name);
        if (typeof value === "string") query.set(name, value);
      }
      const url = `${base}/proxy?${query}`;
      context.show(
        { as: "text", text: (link) => [safeText(String(fieldAt(link, "url")))], id: "url" },
        { data: { url }, raw: url },
      );
    },
  },
];

/** The server knows its domain; the scheme and the port are as the API's address suggests. */
function containersUrl(api: URL, container: unknown, servers: unknown): string {
  const { server } = placeOf(container);
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

function placeOf(container: unknown): Place {
  const [id, project_id, server] = ["id", "project_id", "server_name"].map((field) =>
    String(fieldAt(container, field)),
  );
  return { id: id ?? "", project_id: project_id ?? "", server: server ?? "" };
}

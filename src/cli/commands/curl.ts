// A whole request as one link, for places that cannot send headers. The container's curl program makes the request.
import type { Command } from "../execution/command.ts";
import { programAddress } from "../execution/program-address.ts";
import { requiredContainer } from "../execution/required-container.ts";
import { fieldAt } from "../output/cell.ts";
import { safeText } from "../terminal/safe-text.ts";

export const curlCommands: readonly Command[] = [
  {
    words: "curl get-url",
    about: "print a link that makes a request; anyone with the link can make it",
    example:
      "curl get-url --container 890abcdef12345678901cdef --url https://…-exec-1.…/api/deploy --method POST --auth -",
    takesContainer: true,
    flags: {
      url: { kind: "text", about: "URL of the request", required: true },
      method: { kind: "text", about: "HTTP method; default: GET", placeholder: "method" },
      auth: {
        kind: "text",
        about: "value of Authorization: Bearer …; - reads standard input. The link contains it!",
        secret: true,
      },
      header: {
        kind: "texts",
        about: "a header line 'Name: value'; - reads standard input. The link contains it!",
        placeholder: "line",
        goesTo: "here",
        secret: true,
      },
      body: { kind: "text", about: "request body, usually JSON" },
      instance: { kind: "integer", about: "instance of the curl program; default: 1" },
    },
    run: async (context, { flags }) => {
      const id = requiredContainer(context.settings.container);
      const base = await programAddress(
        context,
        id,
        "curl",
        flags.get("instance") as number | undefined,
      );
      const query = new URLSearchParams();
      for (const name of ["url", "method", "auth", "body"]) {
        const value = flags.get(name);
        if (typeof value === "string") query.set(name, value);
      }
      for (const line of (flags.get("header") ?? []) as readonly string[]) {
        query.append("header", line);
      }
      const url = `${base}/proxy?${query}`;
      context.show(
        { as: "text", text: (link) => [safeText(String(fieldAt(link, "url")))], id: "url" },
        { data: { url }, raw: url },
      );
    },
  },
];

// The version of this program; the server's is in its OpenAPI document.
import { version } from "../../../package.json";
import type { Command } from "../execution/command.ts";

export const versionCommands: readonly Command[] = [
  {
    words: "version",
    about: "print the version",
    example: "version -o json",
    run: async (context) => {
      const data = { version };
      const show = { as: "text", text: () => [version], id: "version" } as const;
      context.show(show, { data, raw: JSON.stringify(data) });
    },
  },
];

// Variables that look like settings, and are none.
import { ownVariables } from "../cli/settings/global-flags.ts";
import { unknownSettings } from "../config/config.ts";
import type { Log } from "../log.ts";
import { connectVariables } from "./connect.ts";

export function warnOfUnknownSettings(log: Log): void {
  // The command line reads variables of the same prefix, which may be set in the shell that starts a gate.
  const commandVariables = new Set([...ownVariables(), ...connectVariables]);
  for (const variable of unknownSettings(process.env)) {
    if (commandVariables.has(variable)) continue;
    log.warn({ variable }, "unknown setting: misspelt? --help lists the settings");
  }
}

// Every command, in the order of the help.

import { aliasCommands } from "./commands/aliases.ts";
import { completionCommands } from "./commands/completion.ts";
import { configCommands } from "./commands/config.ts";
import { containerCommands } from "./commands/containers.ts";
import { curlCommands } from "./commands/curl.ts";
import { documentCommands } from "./commands/documents.ts";
import { eventCommands } from "./commands/events.ts";
import { explainCommands } from "./commands/explain.ts";
import { hookCommands } from "./commands/hooks.ts";
import { lockCommands } from "./commands/lock.ts";
import { nodeCommands } from "./commands/nodes.ts";
import { projectCommands } from "./commands/projects.ts";
import { protectCommands } from "./commands/protect.ts";
import { realmAndServerCommands } from "./commands/realms.ts";
import { sessionCommands } from "./commands/session.ts";
import { settingsCommands } from "./commands/settings.ts";
import { tokenCommands } from "./commands/tokens.ts";
import { trafficCommands } from "./commands/traffic.ts";
import { userCommands } from "./commands/users.ts";
import { versionCommands } from "./commands/version.ts";
import type { Command } from "./execution/command.ts";

export const commands: readonly Command[] = [
  ...sessionCommands,
  ...tokenCommands,
  ...userCommands,
  ...realmAndServerCommands,
  ...nodeCommands,
  ...projectCommands,
  ...containerCommands,
  ...protectCommands,
  ...lockCommands,
  ...documentCommands,
  ...settingsCommands,
  ...hookCommands,
  ...aliasCommands,
  ...explainCommands,
  ...eventCommands,
  ...trafficCommands,
  ...curlCommands,
  ...configCommands,
  ...versionCommands,
  ...completionCommands(() => commands),
];

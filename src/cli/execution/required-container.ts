import { CommandFailure, exitCode } from "../terminal/exit-code.ts";

/** Throws CommandFailure when neither the command line nor the settings name a container. */
export function requiredContainer(id: string | undefined): string {
  if (id !== undefined) return id;
  throw new CommandFailure(
    exitCode.usage,
    "which container? name it with --container ID (or REALMGATE_CONTAINER)",
  );
}

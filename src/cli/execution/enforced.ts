// Waits until a write is enforced.
import { fieldAt, listAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import type { CommandContext } from "./context.ts";

/** As long as the API lets one call wait. */
const ENFORCED_WITHIN_MS = 25_000;

/** Resolves once every proxy enforces the write; throws CommandFailure when some do not in time. The write is stored all the same. */
export async function enforced(
  context: CommandContext,
  revision: string | undefined,
): Promise<void> {
  const query = {
    wait_ms: ENFORCED_WITHIN_MS,
    ...(revision === undefined ? {} : { revision }),
  };
  const { data } = await context.request({ method: "GET", path: "/api/v1/enforcement", query });
  if (fieldAt(data, "complete") === true) {
    context.say("every proxy enforces it");
    return;
  }
  const lagging = listAt(data, "lagging").map(String).join(", ");
  throw new CommandFailure(
    exitCode.failed,
    `It is stored, but not every proxy enforces it yet${lagging === "" ? "" : `: ${lagging} lag behind`}`,
  );
}

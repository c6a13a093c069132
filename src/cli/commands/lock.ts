// The kill switch of a container.
import type { Command } from "../execution/command.ts";
import type { CommandContext } from "../execution/context.ts";
import { enforced } from "../execution/enforced.ts";
import { projectLock } from "../execution/project-lock.ts";
import { requiredContainer } from "../execution/required-container.ts";
import type { ParsedArguments } from "../flags/flag.ts";
import { fieldAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { confirm } from "../terminal/prompt.ts";
import { containerId, wait } from "./flags.ts";

export const lockCommands: readonly Command[] = [
  {
    words: "lock",
    about: "the kill switch: make a container unreachable and end its connections",
    example: "lock box-1",
    args: [{ ...containerId, name: "container" }],
    flags: { wait },
    run: (context, parsed) => switchTo(false, context, parsed),
  },
  {
    words: "unlock",
    about: "make a locked container reachable again, as its document says",
    example: "unlock box-1",
    args: [{ ...containerId, name: "container" }],
    flags: { wait },
    run: (context, parsed) => switchTo(true, context, parsed),
  },
];

/** How often a write is made again that somebody was faster than: it keeps what they wrote. */
const attemptsMax = 5;

async function switchTo(
  enabled: boolean,
  context: CommandContext,
  parsed: ParsedArguments,
): Promise<void> {
  const id = requiredContainer(parsed.args.get("container") ?? context.settings.container);
  const isWaiting = parsed.flags.get("wait") === true;
  const document = `/api/v1/containers/${encodeURIComponent(id)}/proxy/permissions`;
  const read = async () => (await context.request({ method: "GET", path: document })).data;
  let present = await read();
  if (fieldAt(present, "enable_proxy") === enabled) {
    const shown = context.shown(id);
    const other = enabled ? await projectLock(context, id) : null;
    if (other !== null)
      throw new CommandFailure(exitCode.failed, `${shown} is not locked, but ${other}`);
    context.say(`${shown} is ${enabled ? "not locked" : "locked already"}`);
    // By a write that may be on its way.
    if (isWaiting) await enforced(context, undefined);
    return;
  }
  const isOpen = fieldAt(present, "default") === "allow";
  const question = enabled
    ? `This makes ${context.shown(id)} reachable again${isOpen ? "; its default is allow" : ""}.`
    : `This makes nothing of ${context.shown(id)} reachable, and ends its connections.`;
  await confirm(context.io, `${question} Go on?`, context.settings.yes);
  for (let attempt = 1; ; attempt++) {
    const answered = await context
      .request({
        method: "PUT",
        path: `${document}/state`,
        body: { enable_proxy: enabled },
        ifMatch: String(fieldAt(present, "etag")),
      })
      .catch((failure) => {
        if (fieldAt(failure, "statusCode") === 412 && attempt < attemptsMax) return null;
        throw failure;
      });
    if (answered !== null) {
      context.show(
        { as: "record", id: "etag", fields: ["container", "etag", "enable_proxy"] },
        answered,
      );
      context.say(enabled ? "unlocked" : "locked: nothing of it is reachable");
      const other = enabled ? await projectLock(context, id) : null;
      if (other !== null) context.warn(`nothing of it is reachable, for ${other}`);
      if (isWaiting) await enforced(context, answered.revision);
      return;
    }
    present = await read();
  }
}

// A secret that was made up here and is sent with a write: where the answer is lost, it may be in force and nobody else knows it.
import { NetworkError, type NetworkErrorKind } from "../../client/errors.ts";
import type { HttpRequest } from "../../client/http.ts";
import { fieldAt } from "../output/cell.ts";
import type { AnsweredCall, CommandContext } from "./context.ts";

export interface MadeSecret {
  /** For people, such as `password`. */
  readonly name: string;
  readonly value: string;
}

/** The request has not left. */
const NEVER_SENT: ReadonlySet<NetworkErrorKind> = new Set(["dns", "refused", "certificate"]);

/**
 * Sends a write with the secret in it, and says the secret when it is not known whether the write was stored, also when this process is
 * ended meanwhile. `secret` null: there is none. Throws as `context.request` does.
 */
export async function requestWithSecret(
  context: CommandContext,
  request: HttpRequest,
  secret: MadeSecret | null,
): Promise<AnsweredCall> {
  if (secret === null) return context.request(request);
  const unknown = `whether it was stored is not known; if so, the ${secret.name} is ${secret.value}`;
  const answered = context.io.atExit(`warning: ${unknown}\n`);
  try {
    return await context.request(request);
  } catch (failure) {
    if (mayBeStored(failure)) context.warn(unknown);
    throw failure;
  } finally {
    answered();
  }
}

function mayBeStored(failure: unknown): boolean {
  if (failure instanceof NetworkError) return !NEVER_SENT.has(failure.kind);
  // Also what is not understood: a 200 that was cut off, or is no JSON.
  const status = Number(fieldAt(failure, "statusCode"));
  return !(status >= 400 && status < 500);
}

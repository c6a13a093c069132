// A request of the exchange log, asked again as a question of explain.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type ExplainRequest,
  ExplainRequestSchema,
} from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import type { LogEntry } from "../../exchange-log/log-entry.ts";
import { parseAddress } from "../../policy/address.ts";

/** What a path may have in a question: of a longer one the log has a part. */
const PATH = /^\/[\x21-\x7e]*/;

/** The question about this request. Fields that were sent stay. Throws ApiError for a question that says where it goes, too. */
export function askedAgain(sent: ExplainRequest, entry: LogEntry): ExplainRequest {
  for (const field of ["program", "host", "alias"] as const) {
    if (sent[field] === undefined) continue;
    throw new ApiError(ErrorCode.VALIDATION_ERROR, [
      { instancePath: `/${field}`, message: "must not be set beside request_id" },
    ]);
  }
  const { alias, program, instance, method } = entry;
  return create(ExplainRequestSchema, {
    ...sent,
    ...(alias === null ? { program, instance } : { alias }),
    // The client's address may be unknown to the gate, as it is to a question without one.
    ...(sent.ip === undefined && isAddress(entry.client) ? { ip: entry.client } : {}),
    method: sent.method ?? method,
    pathAndQuery: sent.pathAndQuery ?? PATH.exec(entry.path ?? "")?.[0] ?? "/",
  });
}

/** How it was judged when it was made, and what is not known of it now. */
export function howItWas(
  { startedAtMs, reason, status, groups, subject }: LogEntry,
  { headers }: Pick<ExplainRequest, "headers">,
): string[] {
  const at = new Date(startedAtMs).toISOString();
  const by = groups === null ? "" : ` by ${groups.map((group) => `\`${group}\``).join(", ")}`;
  const who = subject === null ? "" : ` as ${JSON.stringify(subject)}`;
  const was = `at ${at} the request was ${reason}${by}${who}, and answered ${status ?? "nothing"}`;
  return headers.length > 0
    ? [was]
    : [was, "its credentials are not kept: it is judged here as if it had none"];
}

function isAddress(text: string): boolean {
  return parseAddress(text) !== null;
}

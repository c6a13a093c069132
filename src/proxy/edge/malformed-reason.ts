// What is wrong with bytes that are no request: a closed list, so that it can be counted by.
import { PARSE_ERROR_CODES, type ParseErrorCode } from "../../http1/parse-error.ts";

/** `expectation`: one that cannot be met. `proxy-header`: a load balancer's connection does not begin with its header. */
export type MalformedReason = ParseErrorCode | "expectation" | "proxy-header";

export const MALFORMED_REASONS: readonly MalformedReason[] = [
  ...PARSE_ERROR_CODES,
  "expectation",
  "proxy-header",
];

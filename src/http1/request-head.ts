/** The head of a request, as spans into `bytes`. */
import { MessageHead } from "./message-head.ts";
import { Method } from "./method.ts";

/** The forms of a request target (RFC 9112 §3.2). */
export const TargetForm = {
  /** `/path?query` */
  origin: 0,
  /** `http://authority/path`, scheme http or https. */
  absolute: 1,
  /** `host:port`, of CONNECT alone. */
  authority: 2,
  /** `*`, of OPTIONS alone. */
  asterisk: 3,
} as const;

export type TargetForm = (typeof TargetForm)[keyof typeof TargetForm];

/** What Expect says (RFC 9110 §10.1.1). HTTP/1.0 expects nothing. */
export const Expectation = {
  none: 0,
  continue: 1,
  /** Something else: 417 is the answer. */
  unknown: 2,
} as const;

export type Expectation = (typeof Expectation)[keyof typeof Expectation];

export class ParsedRequestHead extends MessageHead {
  method: Method = Method.other;
  /** The method as it came; it begins at `start`. */
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  targetForm: TargetForm = TargetForm.origin;
  /** Of the absolute and the authority form; empty otherwise. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Where path and query begin; they end at `targetEnd`. An absolute target may have an empty path, or a query alone. */
  pathStart = 0;
  /** The line of Host; -1 without one, which only HTTP/1.0 may be. Its value may be empty. */
  hostLine = -1;
  expectation: Expectation = Expectation.none;
}

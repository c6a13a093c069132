// Where the edges may differ: each entry says why the wire edge is stricter, or more faithful. Whatever no entry explains is an error.
import { METHODS } from "node:http";
import type { Arrived, Outcome } from "./outcome.ts";

export interface AcceptedDifference {
  readonly name: string;
  /** Why the wire edge is right. */
  readonly why: string;
  /** What the edge on the runtime's server would have said, were it like the wire edge in this; null: this is no such difference. */
  explain(input: string, serve: Outcome, wire: Outcome): Outcome | null;
}

const last = (numbers: readonly number[]) => numbers.at(-1) ?? 0;
const isRefused = ({ arrived, statuses }: Outcome) =>
  arrived.length === 0 && statuses.every((status) => status >= 400);
const methodOf = (input: string) => /^(?:\r\n)?([^ ]*) /.exec(input)?.[1] ?? "";
const hasPassed = ({ arrived, statuses }: Outcome) =>
  arrived.length > 0 && statuses.every((status) => status < 400);

/** What only the wire edge refuses, by what it calls it. */
const STRICTER: Readonly<Record<string, string>> = {
  "bad-coding":
    "a coding that is not exactly `chunked` is read in two ways where lines pass as they came (RFC 9112 §6.1)",
  "bad-target":
    "a fragment is no part of a request target (RFC 9112 §3.2), and programs cut it off or do not",
  "too-many-connection-options":
    "each option is compared with each line, so their number is bounded",
  expectation: "an expectation that cannot be met is 417 (RFC 9110 §10.1.1)",
};

/** Applied in this order. Every entry is used by the inputs, so none outlives its reason. */
export const ACCEPTED: readonly AcceptedDifference[] = [
  {
    name: "faithful: 100 only where it is waited for",
    why: "a body that is here already, or none, needs no 100 (RFC 9110 §10.1.1); the runtime may say it twice",
    explain: (input, serve) =>
      /\r\nExpect: 100-continue\r\n/.test(input) && serve.statuses[0] === 100
        ? { ...serve, statuses: serve.statuses.filter((status) => status !== 100) }
        : null,
  },
  {
    name: "a refusal with a reason",
    why: "the runtime refuses malformed heads without a word, with 505 or 431 for some, or closes; the wire edge says 400, 414, 431 or 505 and why (RFC 9112 §2.2, §3)",
    explain: (_input, serve, wire) =>
      isRefused(serve) &&
      isRefused(wire) &&
      wire.statuses.length === 1 &&
      wire.isEnded &&
      serve.isEnded
        ? { ...serve, statuses: wire.statuses, code: wire.code }
        : null,
  },
  ...Object.entries(STRICTER).map(
    ([malformed, why]): AcceptedDifference => ({
      name: `stricter: ${malformed}`,
      why,
      explain: (_input, serve, wire) =>
        hasPassed(serve) && wire.malformed === malformed && isRefused(wire) && wire.isEnded
          ? { ...wire }
          : null,
    }),
  ),
  {
    name: "stricter: seventeen digits of a chunk size",
    why: "a size with more digits than any chunk needs is read in two ways by those who keep 64 bits of it",
    explain: (input, serve, wire) =>
      hasPassed(serve) && /\r\n0[0-9a-f]{16}\r\n/i.test(input) && isRefused(wire) && wire.isEnded
        ? { ...wire }
        : null,
  },
  {
    name: "stricter: an absolute target that is not the Host's",
    why: "a target names the host, too (RFC 9112 §3.2.2): both have to say the same",
    explain: (input, serve, wire) =>
      /^\w+ http:\/\//.test(input) && hasPassed(serve) && isRefused(wire) ? { ...wire } : null,
  },
  {
    name: "faithful: methods",
    why: "the runtime drops the connection at a method that it does not know; a method is a token, case-sensitive (RFC 9110 §9.1)",
    explain: (input, serve, wire) =>
      !METHODS.includes(methodOf(input)) && serve.statuses.length === 0 && isRefused(serve)
        ? { ...wire }
        : null,
  },
  {
    name: "faithful: bodies of GET and HEAD",
    why: "content of such a request is the program's to judge (RFC 9110 §9.3.1); its upstream connection ends with it",
    explain: (input, serve, wire) =>
      ["GET", "HEAD"].includes(methodOf(input)) &&
      isRefused(serve) &&
      last(serve.statuses) === 400 &&
      wire.arrived.length === 1 &&
      wire.arrived[0]?.lines.includes("connection: close") === true
        ? { ...wire }
        : null,
  },
  {
    name: "faithful: trailers",
    why: "trailers pass, less those that no trailer may be (RFC 9110 §6.5); the runtime refuses the request in its middle",
    explain: (input, serve, wire) =>
      /\r\n0\r\nX-\w+: /.test(input) && last(serve.statuses) === 400 ? { ...wire } : null,
  },
  {
    name: "faithful: pipelining",
    why: "requests that do not wait are answered in order (RFC 9112 §9.3.2); the runtime ends the connection",
    explain: (input, serve, wire) =>
      /\r\n\r\n.*GET \/x HTTP/.test(input) && serve.statuses.length < wire.statuses.length
        ? { ...wire }
        : null,
  },
  {
    name: "faithful: an empty line before a request",
    why: "one that came behind a body is passed over (RFC 9112 §2.2)",
    explain: (input, serve, wire) =>
      input.startsWith("\r\n") && isRefused(serve) && hasPassed(wire) ? { ...wire } : null,
  },
  {
    name: "faithful: targets",
    why: "the program gets the target that the client sent; the runtime resolves dot segments, turns backslashes, and encodes",
    explain: (_input, serve, wire) =>
      arrivedAs(serve, wire, (one, other) =>
        one.target !== other.target && isResolved(one.target, other.target)
          ? { ...one, target: other.target }
          : null,
      ),
  },
  {
    name: "faithful: no Content-Length that the client did not send",
    why: "one is only recommended where a method anticipates content (RFC 9110 §8.6)",
    explain: (input, serve, wire) =>
      /\r\nContent-Length:/i.test(input)
        ? null
        : arrivedAs(serve, wire, (one) =>
            one.lines.includes("content-length: 0")
              ? { ...one, lines: one.lines.filter((line) => line !== "content-length: 0") }
              : null,
          ),
  },
];

/** Null: nothing changes. */
function arrivedAs(
  serve: Outcome,
  wire: Outcome,
  change: (one: Arrived, other: Arrived) => Arrived | null,
): Outcome | null {
  let hasChanged = false;
  const arrived = serve.arrived.map((one, place) => {
    const other = wire.arrived[place];
    const changed = other === undefined ? null : change(one, other);
    hasChanged ||= changed !== null;
    return changed ?? one;
  });
  return hasChanged ? { ...serve, arrived } : null;
}

/** Whether the runtime makes the one of the other. Where a credential was taken out, the wire edge encodes bytes that are not ASCII. */
function isResolved(resolved: string, target: string): boolean {
  const encoded = /(?:%[89A-F][0-9A-F])+/gi;
  const bytes = target.replace(encoded, (text) =>
    Buffer.from(text.replaceAll("%", ""), "hex").toString("latin1"),
  );
  return [target, bytes].some((each) => {
    const { href } = new URL(`http://host${Buffer.from(each, "latin1").toString("utf8")}`);
    return resolved === href.slice("http://host".length);
  });
}

// The question of explain, read as the request head that it imagines.
import type { FieldViolation as Violation } from "../../../proto/call.ts";
import type { ExplainRequest } from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import type { ContainerState } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { parseAddress } from "../../policy/address.ts";
import { containersDomain } from "../../policy/containers-domain.ts";
import type { HeaderReader } from "../routing/header-reader.ts";
import { type HostName, hostParser } from "../routing/host.ts";
import { withoutFragment } from "../routing/request-target.ts";
import { UNKNOWN_ADDRESS } from "./client-address.ts";
import { RequestCredentials } from "./credentials.ts";
import type { RequestHead } from "./request-head.ts";

/** The question, as the request that it imagines. */
export interface Asked {
  readonly head: RequestHead;
  readonly host: HostName;
  readonly presented: RequestCredentials;
  readonly address: string | null;
  readonly nowMs: number;
}

/** What all header lines of a request may have together, in characters. */
const headerCharsMax = 32_768;

/** Reads a question about this container, or says what is wrong with it. `nowMs`: see `Explain`. */
export function readRequest(
  domain: string,
  container: ContainerState,
  request: ExplainRequest,
  nowMs: number,
): Asked | readonly Violation[] {
  const violations: Violation[] = [];
  const report = (instancePath: string, message: string) => {
    violations.push({ instancePath, message });
  };
  const { headers, ip, time, pathAndQuery = "/", method = "GET" } = request;
  const parent = containersDomain(container.serverName, domain);
  const [field, text] = hostText(request, container, parent, report);
  const host = hostParser(container.serverName, domain)(text);
  if (host.kind === "direct" && host.container !== container.id) {
    report(field, "names another container");
  }
  if (ip !== undefined && parseAddress(ip) === null) {
    report("/ip", "must be an IPv4 or IPv6 address");
  }
  const atMs = time === undefined ? nowMs : Date.parse(time);
  if (Number.isNaN(atMs)) {
    report("/time", "is no point in time");
  }
  const chars = headers.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  if (chars > headerCharsMax) {
    report("/headers", `may have at most ${headerCharsMax} characters together`);
  }
  const lines: [name: string, value: string][] = [];
  for (const [index, { name, value }] of headers.entries()) {
    if (name.toLowerCase() === "host") {
      report(`/headers/${index}/name`, "must not be Host: say it in host");
    } else {
      lines.push([name.toLowerCase(), value]);
    }
  }
  if (violations.length > 0) {
    return violations;
  }
  const target = withoutFragment(pathAndQuery);
  const received = joinedLines(lines);
  return {
    head: imaginedHead(method, text, target, received, ip ?? UNKNOWN_ADDRESS),
    host,
    presented: new RequestCredentials(received, target),
    address: ip ?? null,
    nowMs: atMs,
  };
}

/**
 * The request as an edge would hand it over: directly from its client, to a listener that serves its host, over a connection
 * that meets what its program asks of the transport. Explain answers for access, not for the wire.
 */
function imaginedHead(
  method: string,
  host: string,
  target: string,
  headers: HeaderReader,
  peer: string,
): RequestHead {
  return {
    method,
    target,
    host,
    headers,
    isWellFormed: true,
    hasBody: false,
    upgrade: "websocket",
    peer,
    listener: { scheme: "http", serves: () => true, transportSecurity: null },
    kept: null,
    onBehalfOf: null,
  };
}

/** Lines of one name joined as edges join them; white space around a value is no part of it (RFC 9110 §5.5). */
function joinedLines(lines: readonly (readonly [name: string, value: string])[]): HeaderReader {
  const joined = new Map<string, string>();
  for (const [name, value] of lines) {
    const trimmed = value.replace(/^[\t ]+|[\t ]+$/g, "");
    const before = joined.get(name);
    const separator = name === "cookie" ? "; " : ", ";
    joined.set(name, before === undefined ? trimmed : `${before}${separator}${trimmed}`);
  }
  return {
    get: (name) => joined.get(name) ?? null,
    forEach: (visit) => joined.forEach(visit),
  };
}

/** The Host header, and the field that says it. */
function hostText(
  { program, instance, host, alias }: ExplainRequest,
  { projectId, id }: ContainerState,
  parent: string,
  report: (instancePath: string, message: string) => void,
): [field: string, text: string] {
  if ([program, host, alias].filter((each) => each !== undefined).length !== 1) {
    report("", "must have exactly one of program, host and alias");
  }
  if (instance !== undefined && program === undefined) {
    report("/instance", "goes with program only");
  }
  if (program !== undefined) {
    const service = instance === undefined ? program : `${program}-${instance}`;
    return ["/program", `${projectId}-${id}-${service}.${parent}`];
  }
  return alias === undefined ? ["/host", host ?? ""] : ["/alias", `${alias}.${parent}`];
}

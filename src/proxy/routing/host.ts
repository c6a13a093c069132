import { containersDomain, containersParent } from "../../policy/containers-domain.ts";
import { canonicalProgram, kitInstanceMax, portMax, sshPort } from "../../policy/program.ts";

/** A host that names a container, a program and an instance of it on this server. */
export interface DirectHost {
  readonly kind: "direct";
  /** 24 lower-case hex digits. */
  readonly project: string;
  /** 24 lower-case hex digits. */
  readonly container: string;
  /** Canonical: the permission key. */
  readonly program: string;
  /** The port for `http` and `https`, 22 for `ssh`, else 1..9999. */
  readonly instance: number;
}

/** A host with one short label in place of the ids. */
export interface AliasHost {
  readonly kind: "alias";
  readonly name: string;
}

/** Why a Host header leads nowhere: malformed, outside the grammar, or a container of another server. */
export interface RefusedHost {
  readonly kind: "refused";
  readonly reason: "bad_host" | "unknown_host" | "no_container";
}

export type HostName = DirectHost | AliasHost | RefusedHost;

const BAD: RefusedHost = { kind: "refused", reason: "bad_host" };
const UNKNOWN: RefusedHost = { kind: "refused", reason: "unknown_host" };
const ELSEWHERE: RefusedHost = { kind: "refused", reason: "no_container" };

const NAME_CHARACTERS_MAX = 253;
const LABEL_CHARACTERS_MAX = 63;
const ID_DIGITS = 24;
/** Parsed hosts are remembered up to this many, then forgotten all at once. */
const REMEMBERED_HOSTS_MAX = 4_096;
/** Two ids and two dashes. */
const PREFIX_CHARACTERS = 50;

/**
 * Program names that exceed a DNS label together with the ids. No resolver can look them up, but a client that
 * sets Host itself may send them, so they alone are exempt from the limit of 63.
 */
const OVERLONG_SLUGS: ReadonlySet<string> = new Set([
  "notification-server",
  "notifications",
  "hoody-daemon",
]);

interface InstanceRange {
  readonly missing: number;
  readonly min: number;
  readonly max: number;
}

const KIT: InstanceRange = { missing: 1, min: 1, max: kitInstanceMax };
const BY_PORT: ReadonlyMap<string, InstanceRange> = new Map([
  ["http", { missing: 80, min: 1, max: portMax }],
  ["https", { missing: 443, min: 1, max: portMax }],
  ["ssh", { missing: sshPort, min: sshPort, max: sshPort }],
]);

/** The program whose scripts may have a directory of their own as one more label: no other program may. */
const SUBDOMAIN_PROGRAM = "exec";
const SUBDOMAIN = /^[a-z0-9]+$/;

/**
 * Prepares the host grammar of one server:
 * `{project}-{container}-{slug}[-{n}].{server}.containers.{domain}[.][:{port}]`, in any letter case. Of `exec` one more label may
 * stand before it, the directory of its scripts: it says nothing about who may, and reaches the program in Host.
 */
export function hostParser(
  serverName: string,
  domain: string,
): (header: string | null) => HostName {
  const containers = `.${containersParent(domain)}`;
  const here = `.${containersDomain(serverName, domain)}`;

  function parse(header: string): HostName {
    const name = hostName(header);
    if (name === null) {
      return BAD;
    }
    const dot = name.indexOf(".");
    const label = dot === -1 ? name : name.slice(0, dot);
    const parent = dot === -1 ? "" : name.slice(dot);
    const parsed = parent === here || isServer(parent, containers) ? parseLabel(label) : UNKNOWN;
    if (label.length > LABEL_CHARACTERS_MAX && parsed.kind !== "direct") {
      return BAD;
    }
    if (parent === here) {
      return parsed;
    }
    return parsed.kind === "direct" ? ELSEWHERE : scriptHost(label, parent);
  }

  function scriptHost(directory: string, rest: string): HostName {
    const dot = rest.indexOf(".", 1);
    const parent = dot === -1 ? "" : rest.slice(dot);
    const parsed = isServer(parent, containers) ? parseLabel(rest.slice(1, dot)) : UNKNOWN;
    const isScript = parsed.kind === "direct" && parsed.program === SUBDOMAIN_PROGRAM;
    if (!isScript || !SUBDOMAIN.test(directory)) {
      return UNKNOWN;
    }
    return parent === here ? parsed : ELSEWHERE;
  }

  // One parser and what it answered before: never a second, faster reading of the same text.
  const remembered = new Map<string, HostName>();
  return (header) => {
    if (header === null) {
      return BAD;
    }
    let host = remembered.get(header);
    if (host === undefined) {
      host = parse(header);
      if (host.kind === "direct") {
        if (remembered.size >= REMEMBERED_HOSTS_MAX) {
          remembered.clear();
        }
        remembered.set(header, host);
      }
    }
    return host;
  };
}

/** Whether this is one label in front of the containers' domain. */
function isServer(parent: string, containers: string): boolean {
  return (
    parent.endsWith(containers) && parent.indexOf(".", 1) === parent.length - containers.length
  );
}

/** The folded name without port and trailing dot; null when the header is malformed (RFC 9110 §7.2, RFC 1035 §2.3.1). */
export function hostName(header: string): string | null {
  let end = header.length;
  let labelStart = 0;
  let upperCase = false;
  for (let i = 0; i < header.length; i++) {
    const code = header.charCodeAt(i);
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45) {
      continue;
    }
    if (code >= 65 && code <= 90) {
      upperCase = true;
    } else if (code === 46) {
      if (!fitsLabel(labelStart, i)) {
        return null;
      }
      labelStart = i + 1;
    } else if (code === 58) {
      if (!isPort(header, i + 1)) {
        return null;
      }
      end = i;
      break;
    } else {
      return null;
    }
  }
  const trailingDot = labelStart > 0 && labelStart === end;
  if (!trailingDot && !fitsLabel(labelStart, end)) {
    return null;
  }
  end -= trailingDot ? 1 : 0;
  if (end > NAME_CHARACTERS_MAX) {
    return null;
  }
  const name = end === header.length ? header : header.slice(0, end);
  return upperCase ? name.toLowerCase() : name;
}

/** The first label is judged later: it may be one of the overlong slugs. */
function fitsLabel(start: number, end: number): boolean {
  const length = end - start;
  return length > 0 && (length <= LABEL_CHARACTERS_MAX || start === 0);
}

/** 1..65535 without leading zeros. */
function isPort(header: string, start: number): boolean {
  const port = decimal(header, start);
  return port >= 1 && port <= portMax;
}

/** The decimal number without leading zeros that the text ends with, at most five digits; -1 when it is not one. */
function decimal(text: string, start: number): number {
  const digits = text.length - start;
  if (digits < 1 || digits > 5 || (text.charCodeAt(start) === 48 && digits > 1)) {
    return -1;
  }
  let value = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) {
      return -1;
    }
    value = value * 10 + digit;
  }
  return value;
}

function parseLabel(label: string): HostName {
  return hasIds(label) ? parseDirect(label) : { kind: "alias", name: label };
}

function hasIds(label: string): boolean {
  if (label.length <= PREFIX_CHARACTERS) {
    return false;
  }
  for (let i = 0; i < PREFIX_CHARACTERS; i++) {
    const code = label.charCodeAt(i);
    const isHex = (code >= 48 && code <= 57) || (code >= 97 && code <= 102);
    const isDash = i === ID_DIGITS || i === PREFIX_CHARACTERS - 1;
    if (isDash ? code !== 45 : !isHex) {
      return false;
    }
  }
  return true;
}

function parseDirect(label: string): HostName {
  const service = label.slice(PREFIX_CHARACTERS);
  const dash = service.lastIndexOf("-");
  const indexed = dash !== -1 && isDigits(service, dash + 1);
  const slug = indexed ? service.slice(0, dash) : service;
  if (label.length > LABEL_CHARACTERS_MAX && !OVERLONG_SLUGS.has(slug)) {
    return UNKNOWN;
  }
  const program = canonicalProgram(slug);
  // A dash inside is at home only in other names of a program.
  if (program === undefined || (program === slug && slug.includes("-"))) {
    return UNKNOWN;
  }
  const range = BY_PORT.get(program) ?? KIT;
  const instance = indexed ? decimal(service, dash + 1) : range.missing;
  if (instance < range.min || instance > range.max) {
    return UNKNOWN;
  }
  return {
    kind: "direct",
    project: label.slice(0, ID_DIGITS),
    container: label.slice(ID_DIGITS + 1, PREFIX_CHARACTERS - 1),
    program,
    instance,
  };
}

function isDigits(text: string, start: number): boolean {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) {
      return false;
    }
  }
  return start < text.length;
}

// The place of this gate that a URL names. Nothing here is resolved or dialled.
import type { AliasHost, DirectHost, HostName } from "../routing/host.ts";

/** A URL that leads through this gate. */
export interface GateUrl {
  readonly scheme: "http" | "https";
  /** As a Host header has it, the port included where there is one. */
  readonly host: string;
  readonly name: DirectHost | AliasHost;
  /** Path and query, beginning with `/`, as the runtime writes them. */
  readonly target: string;
  /** All of it, without fragment. */
  readonly href: string;
}

/** How hosts are parsed, and where this gate listens. */
export interface GatePlaces {
  readonly parseHost: (header: string) => HostName;
  /** Ports of our listeners. */
  readonly ports: () => readonly number[];
}

/**
 * Scheme, two slashes, a name of letters, digits, dots and dashes, perhaps a port; then path or query. No user, no brackets, no
 * backslash, nothing encoded or beyond ASCII: whatever URL parsers disagree about is refused.
 */
const URL_OF_NAME = /^(https?):\/\/([a-z0-9.-]+(?::([0-9]{1,5}))?)((?:[/?][^#\\]*)?)(?:#.*)?$/i;
/** The runtime's parser drops them silently. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;
const CHARACTERS_MAX = 16_384;

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Null unless the host is one of this gate's, by the grammar of Host headers, at a port of ours or the scheme's own. */
export function gateUrl(text: string, { parseHost, ports }: GatePlaces): GateUrl | null {
  const match = text.length > CHARACTERS_MAX || CONTROL.test(text) ? null : URL_OF_NAME.exec(text);
  if (match === null) {
    return null;
  }
  const [, spelled = "", host = "", port, rest = ""] = match;
  const scheme = spelled.toLowerCase() === "https" ? "https" : "http";
  const name = parseHost(host);
  const isOurs =
    port === undefined || Number(port) === DEFAULT_PORTS[scheme] || ports().includes(Number(port));
  if (name.kind === "refused" || !isOurs) {
    return null;
  }
  // The authority is a constant, so the rest cannot become one.
  const { pathname, search } = new URL(`http://gate${rest.startsWith("/") ? "" : "/"}${rest}`);
  const target = `${pathname}${search}`;
  return { scheme, host, name, target, href: `${scheme}://${host}${target}` };
}

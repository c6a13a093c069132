// The lines that the gate adds to a request, as bytes that are ready while a client asks for the same host.
import { groupsNamedMax } from "../../exchange/exchange.ts";
import type { ForwardedRequest } from "../../upstream/upstream.ts";
import type { HeaderView } from "./header-view.ts";

const NO_BYTES = new Uint8Array(0);

/** What `written` reads of a trusted peer. Without any of it the client is the peer itself. */
const SAID = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"] as const;

/** One for each connection: its peer never changes. Ends with the beginning of the line of the request id. */
export class GateLines {
  #host = "";
  #program = "";
  #instance = -1;
  #groups: readonly string[] | null = null;
  #bytes: Uint8Array = NO_BYTES;

  of(forwarded: ForwardedRequest, headers: HeaderView): Uint8Array {
    const { active, admitted, head } = forwarded;
    const { route, groups } = active.allowed;
    const host = head.host ?? "";
    // What a trusted peer says differs with each request.
    if (admitted.peerTrusted && SAID.some((name) => headers.get(name) !== null)) {
      return Buffer.from(written(forwarded, headers), "latin1");
    }
    if (
      this.#bytes.length === 0 ||
      host !== this.#host ||
      route.program !== this.#program ||
      route.instance !== this.#instance ||
      !areEqual(groups, this.#groups)
    ) {
      this.#host = host;
      this.#program = route.program;
      this.#instance = route.instance;
      this.#groups = groups;
      this.#bytes = Buffer.from(written(forwarded, headers), "latin1");
    }
    return this.#bytes;
  }
}

function written({ active, admitted, head }: ForwardedRequest, headers: HeaderView): string {
  const { route, groups } = active.allowed;
  const { peerTrusted, client } = admitted;
  const said = (name: string) => (peerTrusted ? headers.get(name) : null);
  const believed = said("x-forwarded-for");
  const lines = [`X-Forwarded-For: ${believed === null ? client : `${believed}, ${head.peer}`}`];
  // What a trusted proxy said stays: it knows better than we do what the client used.
  if (said("x-forwarded-proto") === null) lines.push(`X-Forwarded-Proto: ${head.listener.scheme}`);
  if (said("x-forwarded-host") === null) lines.push(`X-Forwarded-Host: ${head.host ?? ""}`);
  lines.push(`X-Realmgate-Program: ${route.program}`, `X-Realmgate-Instance: ${route.instance}`);
  if (groups !== null) {
    lines.push(`X-Realmgate-Groups: ${groups.slice(0, groupsNamedMax).join(",")}`);
  }
  lines.push("X-Realmgate-Request-Id: ");
  return lines.join("\r\n");
}

function areEqual(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === other) return true;
  if (one === null || other === null || one.length !== other.length) return false;
  return one.every((name, place) => name === other[place]);
}

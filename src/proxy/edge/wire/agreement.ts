// Whether a 101 is the agreement to the WebSocket that the client asked for (RFC 6455 §4.1).
import { Known } from "../../../http1/known-header.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import { acceptOf } from "../../../websocket/handshake.ts";
import type { HeaderReader } from "../../routing/header-reader.ts";
import { HeaderView } from "./header-view.ts";

/** The parser has seen to `Connection: upgrade`. */
export function isAgreed(head: ResponseHead, asked: HeaderReader): boolean {
  const said = new HeaderView(head);
  const key = asked.get("sec-websocket-key");
  const protocol = said.get("sec-websocket-protocol");
  return (
    head.status === 101 &&
    head.find(Known.upgrade, head.find(Known.upgrade) + 1) === -1 &&
    said.get("upgrade")?.toLowerCase() === "websocket" &&
    key !== null &&
    said.get("sec-websocket-accept") === acceptOf(key) &&
    (protocol === null || listed(asked.get("sec-websocket-protocol")).includes(protocol)) &&
    extensionsOf(said).every((name) => extensionsOf(asked).includes(name))
  );
}

function extensionsOf(headers: HeaderReader): string[] {
  return listed(headers.get("sec-websocket-extensions"))
    .map((offer) => (offer.split(";")[0] ?? "").trim().toLowerCase())
    .filter((name) => name !== "");
}

function listed(field: string | null): string[] {
  return (field ?? "").split(",").map((member) => member.trim());
}

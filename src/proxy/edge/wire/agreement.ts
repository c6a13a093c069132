// Whether a 101 is the agreement to the WebSocket that the client asked for (RFC 6455 §4.1).
import type { HeadWriter } from "../../../http1/head-writer.ts";
import { Known } from "../../../http1/known-header.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import { acceptOf } from "../../../websocket/handshake.ts";
import type { HeaderReader } from "../../routing/header-reader.ts";
import type { ForwardedRequest } from "../../upstream/upstream.ts";
import { Passing, writeClientHead } from "./client-head.ts";
import { HeaderView } from "./header-view.ts";

/** The client's 101; null: it is no agreement to what the client asked. */
export function agreedHead(
  writer: HeadWriter,
  head: ResponseHead,
  forwarded: ForwardedRequest,
): Uint8Array | null {
  if (!isAgreed(head, forwarded.head.headers)) return null;
  writeClientHead(writer, head, forwarded, true, 1, Passing.nothing);
  return writer.finish();
}

/** The parser has seen to `Connection: upgrade`. */
function isAgreed(head: ResponseHead, asked: HeaderReader): boolean {
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

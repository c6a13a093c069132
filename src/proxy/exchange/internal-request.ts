import type { ActiveExchange } from "./active-exchange.ts";

/** A request that the gate makes itself, on behalf of the client of another exchange, and authorizes as that client's. */
export interface InternalRequest {
  /** The exchange on whose behalf it is made: revoking that stops this one. */
  readonly caller: ActiveExchange;
  /** The socket peer of that exchange, as `unmapped` returns it. */
  readonly peer: string;
  /** The client's address. */
  readonly client: string;
  readonly scheme: "http" | "https";
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** Not null: the response is read as a whole, and refused (`answer_too_large`) when it has more bytes. */
  readonly wholeBytesMax: number | null;
}

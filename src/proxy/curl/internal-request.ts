import type { Live } from "../exchange/active-exchanges.ts";

/** A request that was not sent by a client but made here, for one: it is judged as that client's. */
export interface Inside {
  /** The exchange it is made for; what ends that ends this. */
  readonly live: Live;
  /** The socket peer of that exchange, unmapped. */
  readonly peer: string;
  /** The client's address. */
  readonly client: string;
  readonly scheme: "http" | "https";
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** Not null: the answer is taken whole, and refused when it is longer. */
  readonly wholeBytesMax: number | null;
}

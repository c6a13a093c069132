// A request head as the gate reads it: plain values, so that every edge can provide them.
import type { HeaderReader } from "../routing/header-reader.ts";
import type { HostName } from "../routing/host.ts";
import type { RequestTarget } from "../routing/request-target.ts";
import type { KeptVerdict } from "./kept-verdict.ts";
import type { UpgradeRequest } from "./upgrade-request.ts";

/** What the listener on which a request arrived contributes to admission. */
export interface ListenerScope {
  readonly scheme: "http" | "https";
  /** Whether requests for this host may arrive here. `header`: the text that `host` was parsed from. */
  readonly serves: (host: HostName, header: string | null) => boolean;
  /** The value of Strict-Transport-Security on each response (RFC 6797 §6.1); null: the field is the program's. */
  readonly transportSecurity: string | null;
}

/** Everything that admission reads of one request. Edges implement it over whatever they parsed. */
export interface RequestHead {
  /** Case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** As received, without fragment; null when it is not in origin form. */
  readonly target: RequestTarget | null;
  /** The Host field; several lines are joined with `, `, which no host name contains. Null when absent. */
  readonly host: string | null;
  readonly headers: HeaderReader;
  /** False when the edge cannot forward the request as it was meant: ambiguous framing, or a body that it cannot carry. */
  readonly isWellFormed: boolean;
  /** Whether the request announces a body that may still be arriving. Read when the request is refused, and of OPTIONS. */
  readonly hasBody: boolean;
  /** The upgrade that the request asks for; `none` where the edge cannot upgrade. Read after authorization. */
  readonly upgrade: UpgradeRequest;
  /** Address of the socket peer, IPv4-mapped addresses as IPv4 (see `unmapped`); UNKNOWN_ADDRESS when it is gone. */
  readonly peer: string;
  readonly listener: ListenerScope;
  /** The last verdict of its connection; null: it keeps none. */
  readonly kept: KeptVerdict | null;
  /** Not null for a request that the gate makes itself: the address of the client for whom. */
  readonly onBehalfOf: string | null;
}

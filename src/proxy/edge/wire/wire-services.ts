// What the connections of an edge share.
import type { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import type { ConnectionCap } from "../../../guard/connection-cap.ts";
import type { HeldBytes } from "../../../guard/held-bytes.ts";
import type { ReadTurns } from "../../../guard/read-turns.ts";
import type { UnfinishedBytes } from "../../../guard/unfinished-bytes.ts";
import type { Exchange } from "../../exchange/exchange.ts";
import type { RequestHead } from "../../gate/request-head.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import type { Pipeline } from "../edge.ts";
import type { RelayServices } from "./relay-services.ts";
import type { Malformed } from "./wire-refusal.ts";
import type { WireRequest } from "./wire-request.ts";
import type { TunnelWatch } from "./wire-tunnel.ts";

/** The time of `performance.now()`, as it was at the last tick. */
export interface Clock {
  readonly nowMs: number;
}

/** What a connection needs of a socket; Bun's has it. */
export interface WireSocket {
  readonly remotePort: number;
  write(bytes: Uint8Array, start: number, length: number): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  /** Closes it. */
  end(): void;
  /** Resets it. */
  terminate(): void;
}

/** How connections are read out whose request was refused. */
export interface LingeringRules {
  readonly cap: ConnectionCap;
  readonly bytesMax: number;
  readonly silentMs: number;
  readonly allMs: number;
}

export interface WireServices extends RelayServices {
  readonly pipeline: Pipeline;
  readonly upstream: Upstream<WireRequest, Response>;
  readonly clock: Clock;
  readonly turns: ReadTurns;
  readonly arrivals: ArrivalBudget;
  readonly lingering: LingeringRules;
  /** Messages of clients' WebSockets that have come in part, where the gate needs them whole. */
  readonly unfinished: UnfinishedBytes;
  /** Bytes that clients or upstreams do not take. */
  readonly held: HeldBytes;
  /** How long a connection may be silent between requests, in milliseconds. */
  readonly idleMs: number;
  /** How long a head may take from its first byte on, in milliseconds. */
  readonly headMs: number;
  /** Bytes that a body must have in each `paceMs` that the client is waited for. */
  readonly bodyBytesMin: number;
  readonly paceMs: number;
  /** `pipeline.begin`. */
  readonly begin: (head: RequestHead) => Exchange;
  /** A request arrived; of the clock of `performance.now()`. */
  readonly began: (atMs: number) => void;
  /** It is over. */
  readonly over: () => void;
  /** So many more connections than before are upgraded. */
  readonly upgraded: (more: 1 | -1) => void;
  /** Something that is no request was refused. */
  readonly malformed: (malformed: Malformed) => void;
  /** A connection that has to begin with a header of the PROXY protocol does not. */
  readonly noProxyHeader: () => void;
  readonly tunnels: TunnelWatch;
  readonly closed: (connection: object) => void;
}

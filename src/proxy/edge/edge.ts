// What an edge is: it turns bytes of clients into request heads, has them admitted, and carries out what was admitted.
import type { ClientConnection } from "../exchange/active-exchange.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { InternalRequest } from "../exchange/internal-request.ts";
import type { Admission } from "../gate/admission.ts";
import type { ListenerScope, RequestHead } from "../gate/request-head.ts";
import type { Outcome, Reply, Upstream } from "../upstream/upstream.ts";
import type { KeyPair } from "./tls/key-pair.ts";

/** A request on its way through the pipeline. `C` and `R`: see `Upstream`. */
export interface Carried<C extends ClientConnection, R extends Reply> {
  readonly head: RequestHead;
  readonly exchange: Exchange;
  readonly client: C;
  readonly upstream: Upstream<C, R>;
  /** Not null for a request that the gate makes itself. */
  readonly internal: InternalRequest | null;
}

/**
 * All that an edge calls, for each request in this order: `begin`, `admit`, `carryOut`. It then sends the response, or writes the
 * refusal (`renderRefusal`), or leaves a connection alone that was handed over. Nothing here throws or rejects.
 */
export interface Pipeline {
  /** The record of an exchange that has just arrived. */
  begin(head: RequestHead): Exchange;
  /** Admits or rejects it, by the current snapshot. A promise only when a signature must be checked. */
  admit(head: RequestHead, exchange: Exchange): Admission | Promise<Admission>;
  /** Carries it out. A plain value when it was rejected, or when the upstream answers with one. */
  carryOut<C extends ClientConnection, R extends Reply>(
    admission: Admission,
    carried: Carried<C, R>,
  ): Outcome<R> | Promise<Outcome<R>>;
}

/** One server of a listener, while it accepts connections and after. */
export interface Serving {
  /** Null: plain text. */
  readonly pair: KeyPair | null;
  /** Set when it is about to close: each response then ends its connection. */
  leaving: boolean;
}

/** A client whose connection one edge relays to another, and where it came in. */
export interface RelayedClient {
  readonly peer: string;
  readonly serving: Serving;
  readonly scope: ListenerScope;
}

/** A server that listens, as far as its listener is concerned. */
export interface ListeningServer {
  /** Undefined on a socket without one. */
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  /** Requests that are being answered. */
  readonly pendingRequests: number;
  readonly pendingWebSockets: number;
  /** It rests, and its last connection is closed. */
  readonly isSpent?: boolean;
  /** Accepts no more connections; those that there are go on. */
  rest?(): void;
  /**
   * Accepts no more connections and closes idle ones; with `abort` all. Resolves when the last is closed. `idleLeftMs`: idle ones
   * may still send a last request for so long, where the edge can let them.
   */
  stop(abort?: boolean, idleLeftMs?: number): Promise<void>;
}

/** Starts servers that feed one pipeline. */
export interface Edge {
  /**
   * `port` 0: any free one. `reusePort`: other processes of the same user may listen there, too. `descriptor`: a socket that listens
   * there already, for edges that can take one. Throws when it is in use.
   */
  open(
    hostname: string,
    serving: Serving,
    port: number,
    reusePort: boolean,
    descriptor?: number | null,
  ): ListeningServer;
  /** Milliseconds of `performance.now()` at which the last request arrived; -Infinity: none did. */
  readonly lastRequestMs: number;
}

// One address that the data plane listens on. Its server may be replaced without the address becoming free in between.
import type { ListeningServer, Serving } from "./edge.ts";
import type { KeyPair } from "./tls/key-pair.ts";

/** Starts a server. `port` 0: any free one. `descriptor`: a socket that listens there; null: it makes one. Throws when the address is taken. */
export type OpenServer = (
  serving: Serving,
  port: number,
  reusePort: boolean,
  descriptor: number | null,
) => ListeningServer;

export interface ListenerOptions {
  readonly port: number;
  /** Null: plain text. */
  readonly pair: KeyPair | null;
  /** Whether other processes of the same user may listen there, too. */
  readonly shared: boolean;
  /** A descriptor of a socket that listens there already; null: it makes its own. */
  readonly inherit?: (() => number) | null;
  readonly open: OpenServer;
}

/** How long idle connections of a server that is replaced are left alone: a request may be on its way. */
const IDLE_LEFT_MS = 2_000;

interface Opened {
  readonly serving: Serving;
  readonly server: ListeningServer;
}

/**
 * The runtime cannot change the certificate of a server, and closing a server closes its idle connections. So a successor
 * listens beside the old one (SO_REUSEPORT); the old one ends each connection with its next response, and only then is closed.
 */
export class Listener {
  readonly hostname: string;
  readonly port: number;
  readonly #open: OpenServer;
  readonly #inherit: (() => number) | null;
  readonly #opened = new Set<Opened>();
  #current: Opened;

  constructor({ port, pair, shared, inherit = null, open }: ListenerOptions) {
    this.#open = open;
    this.#inherit = inherit;
    // With a pair there will be a second server, so the port must be shareable. First we listen without sharing: otherwise we
    // would share the port with another process, and not notice.
    if (pair !== null && !shared && port !== 0 && inherit === null) {
      void open({ pair, leaving: true }, port, false, null).stop(true);
    }
    this.#current = this.#opens(pair, port, shared || pair !== null);
    this.hostname = this.#current.server.hostname ?? "";
    this.port = this.#current.server.port ?? port;
  }

  /** The pair that new connections get; null: plain text. */
  get pair(): KeyPair | null {
    return this.#current.serving.pair;
  }

  /** Requests that are being answered and open WebSockets. */
  get pending(): number {
    let pending = 0;
    for (const { server } of this.#opened) {
      pending += server.pendingRequests + server.pendingWebSockets;
    }
    return pending;
  }

  /**
   * New connections get this pair; as long as `left` is not over, only about half of them, unless the socket was inherited. Throws when it cannot listen, and
   * then nothing changed. Resolves when it listens alone; connections of the old one that are in use go on.
   */
  replace(pair: KeyPair, left: () => Promise<void>): Promise<void> {
    const old = this.#current;
    this.#current = this.#opens(pair, this.port, true);
    old.serving.leaving = true;
    // Both would take from one queue, so nothing is lost when the old one no longer does.
    if (this.#inherit !== null) old.server.rest?.();
    return this.#retire(old, left);
  }

  /** Takes no new connections for now; those that there are go on. */
  rest(): void {
    if (this.#inherit === null) return;
    for (const { server } of this.#opened) server.rest?.();
  }

  /** Takes them again, where the socket was inherited. */
  accept(): void {
    if (this.#inherit === null) return;
    for (const each of this.#opened) {
      if (each.server.isSpent === true) this.#opened.delete(each);
    }
    this.#current = this.#opens(this.pair, this.port, true);
  }

  async #retire(old: Opened, left: () => Promise<void>): Promise<void> {
    await left();
    void old.server.stop(false, IDLE_LEFT_MS).then(() => this.#opened.delete(old));
  }

  /** From now on each response ends its connection. */
  leave(): void {
    for (const { serving } of this.#opened) {
      serving.leaving = true;
    }
  }

  /** Takes no new connections, closes the idle ones; with `abort` all. Resolves when the last is closed. */
  async stop(abort = false): Promise<void> {
    this.leave();
    await Promise.all([...this.#opened].map(({ server }) => server.stop(abort)));
  }

  #opens(pair: KeyPair | null, port: number, reusePort: boolean): Opened {
    const serving = { pair, leaving: false };
    const opened = {
      serving,
      server: this.#open(serving, port, reusePort, this.#inherit?.() ?? null),
    };
    this.#opened.add(opened);
    return opened;
  }
}

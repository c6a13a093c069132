// The listeners of the data plane, from opening to the last closed connection.

import type { Log } from "../../log.ts";
import { drain } from "./drain.ts";
import { Listener, type OpenServer } from "./listener.ts";
import type { KeyPair, KeyPairPaths } from "./tls/key-pair.ts";
import { TlsReload, type TlsReloads } from "./tls/tls-reload.ts";

export interface Listen {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
}

/**
 * Sockets that listen already, made elsewhere: each call answers with a descriptor that is the caller's from then on. Null: the
 * listener makes its own.
 */
export interface InheritedSockets {
  readonly plain: (() => number) | null;
  readonly tls: (() => number) | null;
}

export interface ProxyTls extends Listen {
  /** The pair at the start. */
  readonly pair: KeyPair;
  /** The files of this pair and of its successors. */
  readonly paths: KeyPairPaths;
  /** `max-age` of Strict-Transport-Security, in seconds; null: the header is not sent (RFC 6797). */
  readonly hstsMaxAgeS: number | null;
  /** How long connections with an old certificate have before they are closed when idle, in milliseconds. Default: 5,000. */
  readonly handoverMs?: number;
}

export interface ListenersOptions {
  /** Null: it listens with TLS only. */
  readonly plain: Listen | null;
  readonly tls: ProxyTls | null;
  /** Whether other processes of the same user may listen there, too. */
  readonly shared: boolean;
  readonly inherited?: InheritedSockets | null;
  readonly open: (hostname: string) => OpenServer;
  /** Called with each certificate before it is used. */
  readonly accepted: (pair: KeyPair) => void;
  readonly log: Log;
}

/** An address that could not be listened on. */
export class CannotListen extends Error {
  readonly tls: boolean;

  constructor({ hostname, port }: Listen, tls: boolean, cause: unknown) {
    super(`cannot listen on ${hostname}:${port} (in use?)`, { cause });
    this.tls = tls;
  }
}

export class Listeners {
  readonly plain: Listener | null;
  readonly secure: Listener | null;
  readonly #all: readonly Listener[];
  readonly #reload: TlsReload | null;

  /** Throws CannotListen; then nothing is open. */
  constructor({ plain, tls, shared, inherited, open, accepted, log }: ListenersOptions) {
    const listen = (at: Listen, pair: KeyPair | null): Listener => {
      try {
        const inherit = inherited?.[pair === null ? "plain" : "tls"] ?? null;
        return new Listener({ port: at.port, pair, shared, inherit, open: open(at.hostname) });
      } catch (error) {
        throw new CannotListen(at, pair !== null, error);
      }
    };
    this.plain = plain === null ? null : listen(plain, null);
    if (tls === null) {
      this.secure = null;
      this.#reload = null;
      this.#all = [this.plain].filter((each) => each !== null);
      return;
    }
    try {
      this.secure = listen(tls, tls.pair);
    } catch (error) {
      void this.plain?.stop(true);
      throw error;
    }
    accepted(tls.pair);
    this.#all = [this.plain, this.secure].filter((each) => each !== null);
    this.#reload = new TlsReload({
      paths: tls.paths,
      listener: this.secure,
      log,
      accepted,
      ...(tls.handoverMs === undefined ? {} : { handoverMs: tls.handoverMs }),
    });
  }

  /** Where they listen. */
  get ports(): readonly number[] {
    return this.#all.map(({ port }) => port);
  }

  get reloads(): TlsReloads {
    return this.#reload?.reloads ?? { done: 0, refused: 0 };
  }

  /** Looks at the certificate's files now. */
  async reload(): Promise<void> {
    await this.#reload?.check();
  }

  /** See `Listener`. */
  rest(): void {
    for (const listener of this.#all) listener.rest();
  }

  accept(): void {
    for (const listener of this.#all) listener.accept();
  }

  /** See `drain`. */
  drain(boundMs: number, quiet: () => boolean, closed: () => void): Promise<void> {
    this.#reload?.stop();
    return drain({ listeners: this.#all, boundMs, quiet, closed });
  }

  /** Takes no new connections and resolves when the open requests are done; with `abort` they are cut off. */
  async stop(abort: boolean): Promise<void> {
    this.#reload?.stop();
    await Promise.all(this.#all.map((listener) => listener.stop(abort)));
  }
}

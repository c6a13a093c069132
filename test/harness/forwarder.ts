// A port of the loopback that leads elsewhere: to another place from now on, or to nowhere for a while.
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";

/** Two ends of a connection; `far` null: it was accepted while nothing came through. */
interface Pair {
  readonly near: Socket;
  far: Socket | null;
}

export class Forwarder implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #target: NetConnectOpts;
  #isFrozen = false;

  private constructor(target: NetConnectOpts) {
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  static async start(target: NetConnectOpts): Promise<Forwarder> {
    const forwarder = new Forwarder(target);
    await new Promise<void>((resolve) => forwarder.#server.listen(0, "127.0.0.1", resolve));
    return forwarder;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** New connections lead there. */
  lead(target: NetConnectOpts): void {
    this.#target = target;
  }

  /** As a network that swallows everything: connections stay, and nothing comes through until `thaw`. */
  freeze(): void {
    this.#isFrozen = true;
    for (const { near, far } of this.#pairs) {
      near.pause();
      far?.pause();
    }
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const pair of this.#pairs) {
      if (pair.far === null) this.#join(pair);
      else {
        pair.near.resume();
        pair.far.resume();
      }
    }
  }

  /** Ends all connections. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far?.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    const pair: Pair = { near, far: null };
    this.#pairs.add(pair);
    near.on("error", () => {});
    near.once("close", () => {
      this.#pairs.delete(pair);
      pair.far?.destroy();
    });
    near.pause();
    if (!this.#isFrozen) this.#join(pair);
  }

  #join(pair: Pair): void {
    const { near } = pair;
    const far = connect(this.#target);
    pair.far = far;
    far.on("error", () => {});
    far.once("close", () => near.destroy());
    forward(near, far);
    forward(far, near);
    if (this.#isFrozen) far.pause();
    else near.resume();
  }
}

function forward(from: Socket, to: Socket): void {
  from.on("data", (bytes) => void to.write(bytes));
  from.once("end", () => to.end());
}

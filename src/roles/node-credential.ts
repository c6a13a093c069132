// What a proxy or gateway shows control planes of itself: a token, or a certificate that may be renewed while it runs.
import { createPrivateKey, hash } from "node:crypto";
import { NAMELESS, nodeOfPair } from "../config/node-certificates.ts";
import type { NodeConfig } from "../config/node-config.ts";
import type { Log } from "../log.ts";
import type { KeyPair } from "../proxy/edge/tls/key-pair.ts";
import { TlsReload } from "../proxy/edge/tls/tls-reload.ts";
import type { FeedTls } from "../proxy/snapshot/control-connection.ts";
import { AuthoritiesReload } from "./authorities-reload.ts";

export class NodeCredential implements FeedTls {
  /** Null: it has a certificate. */
  readonly token: string | null;
  #ca: Buffer | null;
  #pair: KeyPair | null;

  constructor({
    nodeToken,
    nodeCertificate,
    controlCa,
  }: Pick<NodeConfig, "nodeToken" | "nodeCertificate" | "controlCa">) {
    this.token = nodeToken;
    this.#ca = controlCa;
    this.#pair = nodeCertificate?.pair ?? null;
  }

  /** At present. */
  get ca(): Buffer | null {
    return this.#ca;
  }

  /** At present; null: it has a token. */
  get pair(): KeyPair | null {
    return this.#pair;
  }

  /** Only this node has it: the token, or the private key. A renewed certificate may have another one. */
  get secret(): string {
    if (this.#pair === null) return this.token ?? "";
    const key = createPrivateKey(this.#pair.key).export({ type: "pkcs8", format: "der" });
    return hash("sha256", key, "base64url");
  }

  /** Names the node among those of its machine, and stays when its certificate is renewed. */
  get owner(): string {
    return this.#pair === null ? (this.token ?? "") : `certificate ${nodeOfPair(this.#pair)}`;
  }

  /** Watches the files of its certificate until it is stopped; `renewed` is called when there is another. Null: it has a token. */
  watch(paths: NodeConfig["nodeCertificate"], renewed: () => void, log: Log): TlsReload | null {
    if (paths === null) return null;
    const credential = this;
    return new TlsReload({
      paths: paths.paths,
      name: "certificate of this node",
      log,
      problemOf: (pair) => this.#problemOf(pair),
      listener: {
        get pair() {
          return credential.pair;
        },
        replace: async (pair) => {
          this.#pair = pair;
          renewed();
        },
      },
    });
  }

  /** Watches the file of the authorities until it is stopped, as `watch` does. Null: they are the system's. */
  watchAuthorities(path: string, renewed: () => void, log: Log): AuthoritiesReload | null {
    if (path === "") return null;
    return new AuthoritiesReload({
      path,
      present: () => this.#ca,
      replace: (authorities) => {
        this.#ca = authorities;
        renewed();
      },
      log,
    });
  }

  /** Of a successor. What this process keeps, and is known by, is one node's. */
  #problemOf(pair: KeyPair): string | null {
    const [before, now] = [this.#pair, pair].map((each) => each && nodeOfPair(each));
    if (now === null) return `cert ${NAMELESS}`;
    return now === before ? null : `cert names node ${now}, and this process is of ${before}`;
  }
}

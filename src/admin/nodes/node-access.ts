// Who of those that come with a node's token is one: proxies at the feed, gateways that speak for clients.
import type { AuthenticatePeer, FeedPeer } from "../feed/feed-peer.ts";
import type { StoredNode } from "../store/node-records.ts";
import { deriveKey } from "../store/sealed.ts";
import type { Store } from "../store/store.ts";
import { nodeTokenHash } from "./node-token.ts";

interface NodeAccessOptions {
  readonly store: Pick<Store, "nodeByToken" | "nodes">;
  readonly keysFor: (servers: readonly string[]) => FeedPeer["keys"];
  readonly domain: string;
}

/** How long a list of nodes is believed: a revoked one is cut after this at the latest. */
const KNOWN_MS = 500;
/** Tokens of gateways that are remembered: an account of the API sends none. */
const GATEWAYS_MAX = 64;

export class NodeAccess {
  readonly #options: NodeAccessOptions;
  #ids: Promise<ReadonlySet<string>> | null = null;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** By token, with the id of the node. */
  readonly #gateways = new Map<string, string>();

  constructor(options: NodeAccessOptions) {
    this.#options = options;
  }

  readonly authenticate: AuthenticatePeer = async ({ token }) => {
    const node = await this.#nodeOf(token, "proxy");
    if (node === null) return null;
    const { id, servers } = node;
    const { keysFor, domain } = this.#options;
    return { node: id, servers, domain, keys: keysFor(servers), isValid: () => this.#isNode(id) };
  };

  /** Whether the token is a gateway's. Rejects when the store cannot be read. */
  async isGateway(token: string): Promise<boolean> {
    const known = this.#gateways.get(token);
    if (known !== undefined && (await this.#isNode(known))) return true;
    this.#gateways.delete(token);
    const node = await this.#nodeOf(token, "gateway");
    if (node === null) return false;
    if (this.#gateways.size >= GATEWAYS_MAX) this.#gateways.clear();
    this.#gateways.set(token, node.id);
    return true;
  }

  /** A node was revoked here. */
  forget(): void {
    this.#ids = null;
  }

  async #nodeOf(token: string | null, role: StoredNode["role"]): Promise<StoredNode | null> {
    const tokenHash = token === null ? null : nodeTokenHash(token);
    if (tokenHash === null) return null;
    const node = await this.#options.store.nodeByToken(tokenHash);
    if (node?.role !== role) return null;
    // The list may be older than the node.
    if (this.#ids !== null && !(await this.#ids).has(node.id)) this.forget();
    return node;
  }

  async #isNode(id: string): Promise<boolean> {
    // Not the calendar: set back, it would make a revoked node one for as long.
    const nowMs = performance.now();
    if (this.#ids === null || nowMs - this.#readAtMs > KNOWN_MS) {
      this.#readAtMs = nowMs;
      this.#ids = this.#options.store
        .nodes()
        .then((nodes) => new Set(nodes.map((node) => node.id)));
      this.#ids.catch(() => {
        this.#ids = null;
      });
    }
    return (await this.#ids).has(id);
  }
}

/** Keys of a proxy: none of them is, or leads to, the master key. */
export function proxyKeys(master: Buffer, servers: readonly string[]): FeedPeer["keys"] {
  const hops = servers.map((name) => [hopsKeyName(name), hopsKey(master, name)] as const);
  return { ...Object.fromEntries(hops), revisions: deriveKey(master, "revisions") };
}

export function hopsKeyName(server: string): string {
  return `hops/${server}`;
}

/** Signs bypass tokens of the hooks of one server's containers. */
export function hopsKey(master: Buffer, server: string): Buffer {
  return deriveKey(master, hopsKeyName(server));
}

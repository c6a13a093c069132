// Who of those that come with a node's token or certificate is one: proxies at the feed, gateways that speak for clients.
import { GATEWAY_BY_CERTIFICATE } from "../../../proto/gateway-field.ts";
import type { PeerCertificate } from "../../guard/peer-certificate.ts";
import type { AuthenticatePeer, FeedPeer, PresentedCredentials } from "../feed/feed-peer.ts";
import { REVOKED } from "../feed/node-questions.ts";
import type { StoredNode } from "../store/node-records.ts";
import { deriveKey } from "../store/sealed.ts";
import type { Store } from "../store/store.ts";
import {
  ageProblem,
  expiry,
  type NodeCertificate,
  readNodeCertificate,
} from "./node-certificate.ts";
import { nodeTokenHash } from "./node-token.ts";

interface NodeAccessOptions {
  readonly store: Pick<Store, "nodeByToken" | "nodes">;
  readonly keysFor: (node: Pick<StoredNode, "id" | "servers">) => FeedPeer["keys"];
  readonly domain: string;
}

/** How long a list of nodes is believed: a revoked one is cut after this at the latest. */
const KNOWN_MS = 500;
/** Tokens of gateways that are remembered: an account of the API sends none. */
const GATEWAYS_MAX = 64;

/** A node by its credentials. `certificate` null: by its token. */
interface Known {
  readonly id: string;
  readonly certificate: NodeCertificate | null;
}

type Found = (Known & Pick<StoredNode, "servers">) | { readonly problem: string };

export class NodeAccess {
  readonly #options: NodeAccessOptions;
  #ids: Promise<ReadonlySet<string>> | null = null;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** By token. */
  readonly #gateways = new Map<string, Known>();
  /** By what their connections showed. */
  readonly #certified = new WeakMap<PeerCertificate, Known>();

  constructor(options: NodeAccessOptions) {
    this.#options = options;
  }

  readonly authenticate: AuthenticatePeer = async (presented) => {
    const found = await this.#find(presented, "proxy");
    if ("problem" in found) return found;
    const { id, servers } = found;
    const { keysFor, domain } = this.#options;
    const keys = keysFor({ id, servers });
    return { peer: { node: id, servers, domain, keys, ended: () => this.#ended(found) } };
  };

  /**
   * Why a call is not one of a gateway. `said`: its token, or that its certificate tells. Null: it is one. Rejects when the store
   * cannot be read.
   */
  async gatewayProblem(said: string, certificate: PeerCertificate | null): Promise<string | null> {
    const isCertified = said === GATEWAY_BY_CERTIFICATE;
    const known = isCertified
      ? certificate === null
        ? undefined
        : this.#certified.get(certificate)
      : this.#gateways.get(said);
    if (known !== undefined && (await this.#ended(known)) === null) return null;
    this.#gateways.delete(said);
    const token = isCertified ? null : said;
    const found = await this.#find({ token, certificate }, "gateway");
    if ("problem" in found) return found.problem;
    if (this.#gateways.size >= GATEWAYS_MAX) this.#gateways.clear();
    if (token !== null) this.#gateways.set(token, found);
    else if (certificate !== null) this.#certified.set(certificate, found);
    return null;
  }

  /** A node was revoked here. */
  forget(): void {
    this.#ids = null;
  }

  async #find(
    { token, certificate }: PresentedCredentials,
    role: StoredNode["role"],
  ): Promise<Found> {
    const found = await (token !== null
      ? this.#byToken(token, role)
      : certificate !== null
        ? this.#byCertificate(certificate, role)
        : {
            problem:
              "it shows no token and no certificate: set REALMGATE_NODE_TOKEN, or REALMGATE_NODE_CERT and, at the control plane, REALMGATE_NODE_CA",
          });
    if ("problem" in found) return found;
    // The list may be older than the node.
    if (this.#ids !== null && !(await this.#ids).has(found.id)) this.forget();
    return found;
  }

  async #byToken(token: string, role: StoredNode["role"]): Promise<Found> {
    const tokenHash = nodeTokenHash(token);
    const node = tokenHash === null ? null : await this.#options.store.nodeByToken(tokenHash);
    if (node?.role === role) return { id: node.id, servers: node.servers, certificate: null };
    return { problem: `its token is that of no ${role}, or was revoked: check its credentials` };
  }

  async #byCertificate(shown: PeerCertificate, role: StoredNode["role"]): Promise<Found> {
    const certificate = readNodeCertificate(shown, Date.now());
    if ("problem" in certificate) return certificate;
    const { name } = certificate;
    const nodes = await this.#options.store.nodes();
    const node = nodes.find((each) => each.name === name);
    if (node === undefined) {
      const problem = `no node is called ${name}, or it was revoked: realmgate nodes create lets it in`;
      return { problem };
    }
    if (node.role !== role) return { problem: `node ${name} is a ${node.role}, not a ${role}` };
    const problem = ageProblem(certificate, node.createdAt);
    return problem === null ? { id: node.id, servers: node.servers, certificate } : { problem };
  }

  /** Null: it is a node still. */
  async #ended({ id, certificate }: Known): Promise<string | null> {
    const ended = certificate === null ? null : expiry(certificate, Date.now());
    if (ended !== null) return ended;
    return (await this.#isNode(id)) ? null : REVOKED;
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
export function proxyKeys(
  master: Buffer,
  { id, servers }: Pick<StoredNode, "id" | "servers">,
): FeedPeer["keys"] {
  const hops = servers.map((name) => [hopsKeyName(name), hopsKey(master, name)] as const);
  return {
    ...Object.fromEntries(hops),
    revisions: deriveKey(master, "revisions"),
    [diskKeyName]: deriveKey(master, `node-disk/${id}`),
  };
}

/** Seals what a proxy with a certificate keeps: a renewed certificate may have another key. */
export const diskKeyName = "disk";

export function hopsKeyName(server: string): string {
  return `hops/${server}`;
}

/** Signs bypass tokens of the hooks of one server's containers. */
export function hopsKey(master: Buffer, server: string): Buffer {
  return deriveKey(master, hopsKeyName(server));
}

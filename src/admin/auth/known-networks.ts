// Where accounts have logged in from, since the start of the process, in bounded memory.

/** Accounts remembered; the one that has not logged in for longest is forgotten first. */
export const knownAccountsMax = 10_000;
/** Networks remembered of one account, so that nobody crowds out others from many networks. */
export const knownNetworksMax = 8;

export class KnownNetworks {
  /** Networks by account, both the longest unused first. */
  readonly #networks = new Map<string, Set<string>>();

  has(account: string, network: string): boolean {
    return this.#networks.get(account)?.has(network) ?? false;
  }

  add(account: string, network: string): void {
    const networks = this.#networks.get(account) ?? new Set();
    networks.delete(network);
    networks.add(network);
    if (networks.size > knownNetworksMax) deleteFirst(networks);
    this.#networks.delete(account);
    this.#networks.set(account, networks);
    if (this.#networks.size > knownAccountsMax) deleteFirst(this.#networks);
  }
}

function deleteFirst(collection: Set<string> | Map<string, unknown>): void {
  const first = collection.keys().next();
  if (!first.done) collection.delete(first.value);
}

// Who gets the places of a pool: containers, and client networks at each container.

/** A container may have so many times what is free; see `FairShares`. */
const CONTAINER_SHARE = 3;
/** A client network at all containers. Less than a container, so that the other clients of a container keep room. */
const NETWORK_SHARE = 1;
/** A client network above its share still gets this part of what is free at each container: many share an address. */
const CLIENT_SHARE = 1 / 64;

/**
 * Dynamic thresholds (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998): each may
 * have so many times the places that are still free. A container gets at most 3/4 of the pool; two get 3/7 each; all that want
 * more than that get the same, and who wants less gets what it wants (max-min fairness). A client network gets at most half.
 * Some places always stay free, so that who has none yet gets one. Nothing is taken away from who has it.
 */
export class FairShares {
  readonly #containers = new Map<string, number>();
  readonly #networks = new Map<string, number>();
  readonly #clients = new Map<string, number>();
  #size = 0;

  /** Places in use. */
  get size(): number {
    return this.#size;
  }

  /** Whether one more of this container and network fits into a pool of `max`. */
  hasRoom(container: string, network: string, max: number): boolean {
    const free = max - this.#size;
    // Not even one that has all of it would be above a share.
    if (this.#size < NETWORK_SHARE * free) return true;
    return (
      (this.#containers.get(container) ?? 0) < CONTAINER_SHARE * free &&
      ((this.#networks.get(network) ?? 0) < NETWORK_SHARE * free ||
        (this.#clients.get(clientKey(container, network)) ?? 0) < CLIENT_SHARE * free)
    );
  }

  enter(container: string, network: string): void {
    this.#size++;
    add(this.#containers, container, 1);
    add(this.#networks, network, 1);
    add(this.#clients, clientKey(container, network), 1);
  }

  /** Once for each `enter`. */
  leave(container: string, network: string): void {
    this.#size--;
    add(this.#containers, container, -1);
    add(this.#networks, network, -1);
    add(this.#clients, clientKey(container, network), -1);
  }
}

function clientKey(container: string, network: string): string {
  return `${container} ${network}`;
}

function add(counts: Map<string, number>, key: string, more: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

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
  readonly #containers = new Map<string, ContainerShare>();
  readonly #networks = new Map<string, Share>();
  #size = 0;

  /** Places in use. */
  get size(): number {
    return this.#size;
  }

  /** Whether one more of this container and network fits into a pool of `max`. */
  hasRoom(container: string, network: string, max: number): boolean {
    if (this.isPlentiful(max)) return true;
    const free = max - this.#size;
    const share = this.#containers.get(container);
    return (
      (share?.taken ?? 0) < CONTAINER_SHARE * free &&
      ((this.#networks.get(network)?.taken ?? 0) < NETWORK_SHARE * free ||
        (share?.clients.get(network)?.taken ?? 0) < CLIENT_SHARE * free)
    );
  }

  /** Whether not even one that has all places in use would be above a share of a pool of `max`. */
  isPlentiful(max: number): boolean {
    return this.#size < NETWORK_SHARE * (max - this.#size);
  }

  /** Takes a place; `leave` gives it back. */
  enter(container: string, network: string): Place {
    let ofContainer = this.#containers.get(container);
    if (ofContainer === undefined) {
      ofContainer = { key: container, taken: 0, clients: new Map() };
      this.#containers.set(container, ofContainer);
    }
    let place = ofContainer.clients.get(network);
    if (place === undefined) {
      let ofNetwork = this.#networks.get(network);
      if (ofNetwork === undefined) {
        ofNetwork = { key: network, taken: 0 };
        this.#networks.set(network, ofNetwork);
      }
      place = { taken: 0, container: ofContainer, network: ofNetwork };
      ofContainer.clients.set(network, place);
    }
    this.#size++;
    place.taken++;
    place.container.taken++;
    place.network.taken++;
    return place;
  }

  /** Once for each `enter`, with what that answered. */
  leave(place: Place): void {
    const { container, network } = place;
    this.#size--;
    if (--place.taken === 0) container.clients.delete(network.key);
    if (--container.taken === 0) this.#containers.delete(container.key);
    if (--network.taken === 0) this.#networks.delete(network.key);
  }
}

interface Share {
  readonly key: string;
  taken: number;
}

interface ContainerShare extends Share {
  /** By network. */
  readonly clients: Map<string, Place>;
}

/** What one client network has at one container. */
export interface Place {
  taken: number;
  readonly container: ContainerShare;
  readonly network: Share;
}

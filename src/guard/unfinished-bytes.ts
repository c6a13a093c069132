// How many bytes of messages that are not complete yet are kept, over all connections.

/** What one connection has of the sum. */
export interface UnfinishedShare {
  readonly bytes: number;
  /** Negative: that many are complete, or given up. */
  add(bytes: number): void;
  /** Takes all of it back. Called once. */
  leave(): void;
}

/** For a connection whose bytes have another limit. */
export const UNCOUNTED: UnfinishedShare = { bytes: 0, add: () => {}, leave: () => {} };

interface Member extends UnfinishedShare {
  readonly network: string;
  readonly close: () => void;
}

/** Bounds the sum. Beyond it, the network that has the most loses the connection that has the most of that. */
export class UnfinishedBytes {
  readonly #max: number;
  readonly #members = new Set<Member>();
  readonly #byNetwork = new Map<string, number>();
  #sum = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  get sum(): number {
    return this.#sum;
  }

  /** `close` must end the connection, which then leaves. */
  join(network: string, close: () => void): UnfinishedShare {
    let bytes = 0;
    const member: Member = {
      network,
      close,
      get bytes() {
        return bytes;
      },
      add: (more) => {
        bytes += more;
        this.#count(network, more);
        if (this.#sum > this.#max) this.#largest()?.close();
      },
      leave: () => {
        this.#members.delete(member);
        this.#count(network, -bytes);
        bytes = 0;
      },
    };
    this.#members.add(member);
    return member;
  }

  #count(network: string, bytes: number): void {
    this.#sum += bytes;
    const left = (this.#byNetwork.get(network) ?? 0) + bytes;
    if (left === 0) this.#byNetwork.delete(network);
    else this.#byNetwork.set(network, left);
  }

  #largest(): Member | null {
    let network = "";
    let most = 0;
    for (const [each, bytes] of this.#byNetwork) {
      if (bytes > most) [network, most] = [each, bytes];
    }
    let largest: Member | null = null;
    for (const member of this.#members) {
      if (member.network === network && member.bytes > (largest?.bytes ?? 0)) largest = member;
    }
    return largest;
  }
}

// How many bytes of exchanges the process holds because somebody does not take them, over all connections.

/** An exchange or a connection that holds bytes which its client or its program does not take. */
export interface ByteHolder {
  /** Bytes that it holds at present. */
  readonly heldBytes: number;
  /** Whose they are; asked when it begins to hold some. */
  readonly holds: { readonly network: string; readonly container: string };
  /** Ends it, and gives the bytes up. Must not throw. */
  endStalled(): void;
}

export interface HeldBytesOptions {
  /** Bytes in all. */
  readonly bytesMax: number;
  /** How long nothing may be taken of what a share above its measure holds, in milliseconds. */
  readonly stalledMs: number;
  /** Called with each that was ended. */
  readonly ended?: (stalled: Stalled) => void;
}

/** One that was ended. */
export interface Stalled {
  readonly network: string;
  readonly container: string;
  readonly bytes: number;
  /** How long nothing of it was taken, in milliseconds. */
  readonly stillMs: number;
}

/** See `FairShares`: a container may hold so many times what is free, a client network as much as is free. */
const CONTAINER_SHARE = 3;
/** Below this part of the maximum shares are not looked at. */
const TIGHT = 1 / 4;
/** How often shares are looked at, in milliseconds. */
const LOOK_MS = 100;

/** What the clients of one network hold of one container. */
interface Group {
  readonly network: string;
  readonly container: string;
  bytes: number;
  /** Of which nothing was taken for longest comes first. */
  readonly shares: Set<HeldShare>;
}

/**
 * Bounds the sum. Beyond it the network or container that has the most, measured by its share, loses the exchange of which
 * nothing was taken for longest. Who has more than its share of what is free loses what stood still for too long already before
 * that. Looked at in a turn of its own, so no one is ended while it is at work. Costs nothing as long as nothing is held.
 */
export class HeldBytes {
  readonly #options: HeldBytesOptions;
  readonly #groups = new Map<string, Group>();
  readonly #networks = new Map<string, number>();
  readonly #containers = new Map<string, number>();
  #bytes = 0;
  #ended = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isScheduled = false;

  constructor(options: HeldBytesOptions) {
    this.#options = options;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Exchanges and connections ended since the start. */
  get ended(): number {
    return this.#ended;
  }

  /** Called by shares. */
  enter(share: HeldShare): Group {
    const { network, container } = share.holder.holds;
    const key = `${container} ${network}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { network, container, bytes: 0, shares: new Set() };
      this.#groups.set(key, group);
    }
    group.shares.add(share);
    return group;
  }

  /** Called by shares. */
  leave(share: HeldShare, group: Group): void {
    group.shares.delete(share);
    if (group.shares.size === 0) this.#groups.delete(`${group.container} ${group.network}`);
  }

  /** Called by shares. */
  count(group: Group, more: number): void {
    this.#bytes += more;
    group.bytes += more;
    add(this.#networks, group.network, more);
    add(this.#containers, group.container, more);
    if (more <= 0 || this.#isScheduled || this.#bytes < this.#options.bytesMax * TIGHT) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#look(performance.now());
    });
  }

  #look(nowMs: number): void {
    const { bytesMax, stalledMs } = this.#options;
    while (this.#bytes > bytesMax) {
      if (!this.#endStalest(nowMs, 0)) return;
    }
    if (nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    while (this.#excess() > bytesMax - this.#bytes) {
      if (!this.#endStalest(nowMs, stalledMs)) return;
    }
  }

  /** What the largest has, measured by its share. */
  #excess(): number {
    return Math.max(
      largest(this.#networks).bytes,
      largest(this.#containers).bytes / CONTAINER_SHARE,
    );
  }

  /** False: none of the largest has stood still for so long. */
  #endStalest(nowMs: number, stillMs: number): boolean {
    const network = largest(this.#networks);
    const container = largest(this.#containers);
    const isNetwork = network.bytes >= container.bytes / CONTAINER_SHARE;
    let found: Group | null = null;
    for (const group of this.#groups.values()) {
      const isOfIt = isNetwork ? group.network === network.key : group.container === container.key;
      if (isOfIt && group.bytes > (found?.bytes ?? 0)) found = group;
    }
    const share = found === null ? null : stalest(found);
    if (found === null || share === null) return false;
    const { bytes, movedMs } = share;
    if (stillMs > 0 && nowMs - movedMs < stillMs) return false;
    this.#ended++;
    share.leave();
    this.#options.ended?.({
      network: found.network,
      container: found.container,
      bytes,
      stillMs: nowMs - movedMs,
    });
    share.holder.endStalled();
    // Whatever it said of itself meanwhile.
    share.leave();
    return true;
  }
}

/** What one holder has of the sum. Made when it first holds something. */
export class HeldShare {
  readonly holder: ByteHolder;
  readonly #all: HeldBytes;
  #group: Group | null = null;
  /** What is counted. */
  bytes = 0;
  /** Of `performance.now()`: when something of it was taken, or it began. */
  movedMs = 0;

  constructor(all: HeldBytes, holder: ByteHolder) {
    this.#all = all;
    this.holder = holder;
  }

  /** Counts what the holder has now. */
  update(): void {
    const before = this.bytes;
    const bytes = this.holder.heldBytes;
    if (bytes === before) return;
    if (bytes === 0) {
      this.leave();
      return;
    }
    let group = this.#group;
    if (group === null) {
      group = this.#all.enter(this);
      this.#group = group;
      this.movedMs = performance.now();
    } else if (bytes < before) {
      this.movedMs = performance.now();
      group.shares.delete(this);
      group.shares.add(this);
    }
    this.bytes = bytes;
    this.#all.count(group, bytes - before);
  }

  /** It holds nothing any more. May be called again. */
  leave(): void {
    const group = this.#group;
    if (group === null) return;
    const { bytes } = this;
    this.#group = null;
    this.bytes = 0;
    this.#all.count(group, -bytes);
    this.#all.leave(this, group);
  }
}

/** The first of which nothing was taken since it was counted; where something was taken of all of them, the first. */
function stalest(group: Group): HeldShare | null {
  // Of those, each goes to the end.
  let left = group.shares.size;
  for (const share of group.shares) {
    const before = share.bytes;
    share.update();
    if (share.bytes >= before) return share;
    if (--left === 0) break;
  }
  const [first = null] = group.shares;
  return first;
}

function add(counts: Map<string, number>, key: string, more: number): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function largest(counts: Map<string, number>): { readonly key: string; readonly bytes: number } {
  let most = "";
  let bytes = 0;
  for (const [key, count] of counts) {
    if (count > bytes) [most, bytes] = [key, count];
  }
  return { key: most, bytes };
}
